package browser_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait: far more than anything takes on a busy machine.
const patience = 60 * time.Second

var built struct {
	sync.Once
	dir, path string
	err       error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// tool builds the command once and returns the path of the binary.
func tool(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "cloakroom-tool-"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "cloakroom")
		if runtime.GOOS == "windows" {
			built.path += ".exe"
		}
		build := exec.Command("go", "build", "-o", built.path, ".")
		build.Dir = filepath.Join("..", "..", "..", "cmd", "cloakroom")
		if out, err := build.CombinedOutput(); err != nil {
			built.err = errors.Join(err, errors.New(string(out)))
		}
	})
	if built.err != nil {
		t.Fatalf("build the command: %v", built.err)
	}
	return built.path
}

// A demo is the running command.
type demo struct {
	url    string
	cmd    *exec.Cmd
	stderr *bytes.Buffer
	ended  chan error
	exited chan struct{} // closed after ended got its value
}

var openLine = regexp.MustCompile(`^Open (http://localhost:\d+)$`)

// startDemo starts the command on a port that the system chooses, with sessions in the
// SQLite file at path and with extra flags, and stops it with the test.
func startDemo(t *testing.T, path string, extra ...string) *demo {
	t.Helper()
	d := &demo{
		cmd:    exec.Command(tool(t), append([]string{"demo", "-addr", "127.0.0.1:0", "-store", "sqlite:" + path}, extra...)...),
		stderr: new(bytes.Buffer),
		ended:  make(chan error, 1),
		exited: make(chan struct{}),
	}
	d.cmd.Stderr = d.stderr
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first := make(chan string, 1)
	go func() {
		lines := bufio.NewReader(stdout)
		line, _ := lines.ReadString('\n')
		first <- strings.TrimSpace(line)
		_, _ = io.Copy(io.Discard, lines)
		d.ended <- d.cmd.Wait()
		close(d.exited)
	}()
	t.Cleanup(func() {
		_ = d.cmd.Process.Kill() // an error when it has ended as it should
		<-d.exited
		if t.Failed() && d.stderr.Len() > 0 {
			t.Logf("the demo wrote to stderr: %s", d.stderr)
		}
	})
	select {
	case line := <-first:
		found := openLine.FindStringSubmatch(line)
		if found == nil {
			<-d.ended
			t.Fatalf("the first line of the demo is %q, want %s; on stderr: %s", line, openLine, d.stderr)
		}
		d.url = found[1]
	case <-time.After(patience):
		t.Fatal("the demo does not say where it is")
	}
	return d
}

// stop asks the command to stop as a service manager would, and reports how it ended.
func (d *demo) stop(t *testing.T) {
	t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-d.ended:
		if err != nil {
			t.Errorf("the demo ended with %v after SIGTERM, want exit code 0; on stderr: %s", err, d.stderr)
		}
		if d.stderr.Len() > 0 {
			t.Errorf("the demo wrote to stderr: %s", d.stderr)
		}
	case <-time.After(patience):
		t.Fatal("the demo does not stop after SIGTERM")
	}
}
