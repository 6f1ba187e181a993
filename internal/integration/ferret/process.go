package ferret

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// A process runs the server again and again, on the same port and over the same data. It ends
// with its standard input, and so with this one.
type process struct {
	program string
	dir     string
	addr    string
	release func() // gives the port back
	cmd     *exec.Cmd
	stdin   io.Closer
}

var build struct {
	sync.Mutex
	program string
}

// built returns the server's program, which lasts as long as t if it was not there before.
func built(t testing.TB) (string, error) {
	build.Lock()
	defer build.Unlock()
	if _, err := os.Stat(build.program); err == nil {
		return build.program, nil
	}
	program := filepath.Join(t.TempDir(), "server")
	// With the flags of make lint, which has then compiled it already.
	cmd := exec.Command("go", "build", "-race=false", "-trimpath", "-o", program, "github.com/cloakroom-go/cloakroom/internal/integration/ferret/server")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%v: %w:\n%s", cmd, err, out)
	}
	build.program = program
	return program, nil
}

func (p *process) create(t testing.TB) (err error) {
	if p.program, err = built(t); err != nil {
		return err
	}
	if p.addr, p.release, err = reserve(); err != nil {
		return err
	}
	return p.start()
}

func (p *process) start() error {
	if p.cmd != nil {
		return errors.New("it runs already")
	}
	log, err := os.OpenFile(filepath.Join(p.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.program, p.addr, p.dir)
	cmd.Stderr = log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.stdin = cmd, stdin
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		p.kill()
		said, _ := os.ReadFile(log.Name())
		return fmt.Errorf("it ended by itself, and its log with:\n%s", said[max(0, len(said)-2000):])
	}
	return nil
}

func (p *process) kill() error {
	if p.cmd == nil {
		return errors.New("it does not run")
	}
	err := p.cmd.Process.Kill()
	p.wait()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	return err
}

func (p *process) stop() error {
	if p.cmd == nil {
		return errors.New("it does not run")
	}
	p.stdin.Close()
	p.wait()
	return nil
}

func (p *process) wait() {
	p.cmd.Wait() // how it ended is of no interest
	p.cmd = nil
}

func (p *process) pause() error  { return p.hold(true) }
func (p *process) resume() error { return p.hold(false) }

func (p *process) hold(on bool) error {
	if p.cmd == nil {
		return errors.New("it does not run")
	}
	return hold(p.cmd.Process, on)
}

func (p *process) close() {
	if p.cmd != nil {
		p.kill()
	}
	if p.release != nil {
		p.release()
	}
}
