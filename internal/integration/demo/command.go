package demo

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait: far more than anything takes on a busy machine.
const patience = 60 * time.Second

// A Command is the built command.
type Command struct{ path string }

// Build builds the command into a folder, with the flags given for the go command.
func Build(t *testing.T, dir string, flags ...string) Command {
	t.Helper()
	c := Command{filepath.Join(dir, "cloakroom")}
	if runtime.GOOS == "windows" {
		c.path += ".exe"
	}
	build := exec.Command("go", append([]string{"build", "-o", c.path}, flags...)...)
	build.Dir = sources(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the command: %v\n%s", err, out)
	}
	return c
}

// sources returns the folder of the command, from any folder of the repository.
func sources(t *testing.T) string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		command := filepath.Join(dir, "cmd", "cloakroom")
		if _, err := os.Stat(filepath.Join(command, "go.mod")); err == nil {
			return command
		}
		if dir == filepath.Dir(dir) {
			t.Fatalf("cmd/cloakroom is not in any folder above %s", here)
		}
	}
}

// Refused runs the demo over a store that it must refuse, and returns what it says of it,
// which is one line.
func (c Command) Refused(t *testing.T, store string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.path, "demo", "-addr", "127.0.0.1:0", "-store", store)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("demo -store %s ended with %v (%v), want an exit code; it says %s%s", store, err, ctx.Err(), &stdout, &stderr)
	}
	if stdout.Len() > 0 {
		t.Errorf("demo -store %s wrote to stdout: %s", store, &stdout)
	}
	line := strings.TrimSuffix(stderr.String(), "\n")
	if line == "" || strings.Contains(line, "\n") {
		t.Errorf("demo -store %s says %q, want one line", store, stderr.String())
	}
	return line
}
