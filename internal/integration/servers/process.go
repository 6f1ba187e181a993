package servers

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience is how long a server may take to serve, or to end.
const patience = time.Minute

var errEnded = errors.New("the program ended by itself")

// A program is what there is to know about a server in order to run it.
type program struct {
	name, debian string // of the program and of its package
	path         string // where it is when it is not in PATH, with wildcards
	variable     string // of the environment, by which a running server is given
	user         string // who runs it when the test is root; "" is root
	bus          bool   // it takes the port 10000 above its own too
	signal       os.Signal
	prepare      func(p *process) error // makes what the program finds when it first starts
	args         func(p *process) []string
	ready        func(addr string) error // nil when a client is served
	url          string                  // %s is the address
}

// find returns the path of the program. When there is none, the test ends here.
func (pr program) find(t testing.TB) string {
	t.Helper()
	if path, err := exec.LookPath(pr.name); err == nil {
		return path
	}
	for _, place := range []string{"/usr/sbin/" + pr.name, pr.path} { // not everybody's PATH has sbin
		if paths, _ := filepath.Glob(place); len(paths) > 0 {
			return paths[len(paths)-1]
		}
	}
	missing(t, pr.name+" is not installed: run scripts/tools, install the Debian package "+pr.debian+", or give a running server in "+pr.variable)
	return ""
}

func missing(t testing.TB, message string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	t.Skip(message)
}

// start starts a program of which nothing was given in the environment.
func start(t testing.TB, pr program) *Server {
	t.Helper()
	if u := os.Getenv(pr.variable); u != "" {
		return &Server{t: t, url: u}
	}
	pr.path = pr.find(t)
	p := &process{program: pr, dir: t.TempDir()}
	t.Cleanup(p.close)
	if err := p.create(); err != nil {
		t.Fatalf("%s does not start: %v", pr.name, err)
	}
	return &Server{t: t, process: p, url: fmt.Sprintf(pr.url, p.addr())}
}

// A process runs a program again and again, on the same port and over the same data.
type process struct {
	program
	dir     string
	port    int
	release func() // gives the port back
	cmd     *exec.Cmd
	exited  chan struct{} // closed when cmd has ended
}

func (p *process) addr() string { return "127.0.0.1:" + strconv.Itoa(p.port) }

func (p *process) create() (err error) {
	if p.port, p.release, err = reservePort(p.bus); err != nil {
		return err
	}
	if os.Getuid() != 0 {
		p.user = ""
	}
	if err := p.own(); err != nil {
		return err
	}
	if p.prepare != nil {
		if err := p.prepare(p); err != nil {
			return err
		}
	}
	return p.start()
}

// own gives the folder to the user who runs the program.
func (p *process) own() error {
	if p.user == "" {
		return nil
	}
	u, err := user.Lookup(p.user)
	if err != nil {
		return err
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(p.dir, uid, gid); err != nil {
		return err
	}
	return os.Chmod(filepath.Dir(p.dir), 0o711) // testing made it for root alone
}

// run runs a program of the same package to its end.
func (p *process) run(path string, args ...string) error {
	cmd := exec.Command(path, args...)
	cmd.Dir = p.dir
	log, err := os.Create(p.log())
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := startChild(cmd, p.user); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w:\n%s", filepath.Base(path), err, p.logTail())
	}
	return nil
}

func (p *process) start() error {
	if p.cmd != nil {
		return errors.New("it runs already")
	}
	first := p.exited == nil
	deadline := time.Now().Add(patience)
	for again := time.Now().Add(patience / 6); ; {
		err := p.launch()
		if err != nil {
			return err
		}
		if err = p.awaitReady(deadline); err == nil {
			return nil
		}
		if err := p.kill(); err != nil {
			return err
		}
		// What a killed PostgreSQL leaves is in its successor's way for a moment.
		if first || !errors.Is(err, errEnded) || time.Now().After(again) {
			return fmt.Errorf("%w; its log ends with:\n%s", err, p.logTail())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (p *process) launch() error {
	log, err := os.OpenFile(p.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.path, p.args(p)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, log, log
	if err := startChild(cmd, p.user); err != nil {
		return err
	}
	p.cmd, p.exited = cmd, make(chan struct{})
	go func() {
		cmd.Wait()
		close(p.exited)
	}()
	return nil
}

func (p *process) awaitReady(deadline time.Time) error {
	for {
		err := p.ready(p.addr())
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("it does not serve after %s: %w", patience, err)
		}
		select {
		case <-p.exited:
			return errEnded
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (p *process) kill() error {
	if p.cmd == nil {
		return errors.New("it does not run")
	}
	err := killChild(p.cmd.Process)
	if err == nil || errors.Is(err, os.ErrProcessDone) {
		<-p.exited
		p.cmd, err = nil, nil
	}
	return err
}

func (p *process) stop() error {
	if p.cmd == nil {
		return errors.New("it does not run")
	}
	if err := p.cmd.Process.Signal(p.signal); err != nil {
		return err
	}
	select {
	case <-p.exited:
		p.cmd = nil
		return nil
	case <-time.After(patience):
		return fmt.Errorf("it still runs after %s", patience)
	}
}

func (p *process) pause() error  { return p.hold(true) }
func (p *process) resume() error { return p.hold(false) }

func (p *process) hold(on bool) error {
	if p.cmd == nil {
		return errors.New("it does not run")
	}
	return pauseChild(p.cmd.Process, on)
}

// close ends what runs and gives back the port. The data goes with the test's folder.
func (p *process) close() {
	if p.cmd != nil {
		p.kill()
	}
	if p.release != nil {
		p.release()
	}
}

func (p *process) log() string { return filepath.Join(p.dir, "log") }

// logTail returns the end of the log.
func (p *process) logTail() string {
	file, err := os.Open(p.log())
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > 2000 {
		file.Seek(-2000, io.SeekEnd)
	}
	tail, _ := io.ReadAll(file)
	return strings.TrimSpace(string(tail))
}
