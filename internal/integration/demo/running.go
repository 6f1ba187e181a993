package demo

import (
	"bufio"
	"bytes"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A running is the demo as it runs.
type running struct {
	url    string
	cmd    *exec.Cmd
	stderr *bytes.Buffer
	ended  chan error // has one value
}

var openLine = regexp.MustCompile(`^Open (http://localhost:\d+)$`)

// start starts the demo on a port that the system chooses, and ends it with the test.
func (c Command) start(t *testing.T, store string) *running {
	t.Helper()
	r := &running{
		cmd:    exec.Command(c.path, "demo", "-addr", "127.0.0.1:0", "-store", store),
		stderr: new(bytes.Buffer),
		ended:  make(chan error, 1),
	}
	r.cmd.Stderr = r.stderr
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first, exited := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(exited)
		lines := bufio.NewReader(stdout)
		line, _ := lines.ReadString('\n')
		first <- strings.TrimSpace(line)
		_, _ = io.Copy(io.Discard, lines)
		r.ended <- r.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill() // an error when it has ended as it should
		<-exited
	})
	select {
	case line := <-first:
		found := openLine.FindStringSubmatch(line)
		if found == nil {
			<-r.ended
			t.Fatalf("demo -store %s says %q first, want %s; on stderr: %s", store, line, openLine, r.stderr)
		}
		r.url = found[1]
	case <-time.After(patience):
		t.Fatalf("demo -store %s does not say where it is", store)
	}
	return r
}

// stop asks the demo to stop, and checks that it ends well and has had nothing to report.
func (r *running) stop(t *testing.T) {
	t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-r.ended:
		if err != nil || r.stderr.Len() > 0 {
			t.Errorf("the demo ended with %v, want exit code 0; on stderr: %s", err, r.stderr)
		}
	case <-time.After(patience):
		t.Fatal("the demo does not stop")
	}
}
