// Command cloakroom is the tool of the session library of that name. "cloakroom demo"
// serves a tour of a session to a browser; "cloakroom help" lists the commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// From the first signal on the next one has its usual effect, should stopping hang.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// A command does its work until it is done or ctx ends.
type command struct {
	name, summary string
	run           func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

var commands = []command{
	{"demo", "serve a tour of a session to your browser", runDemo},
}

// A usageError is a mistake in the command line.
type usageError struct{ error }

// oneLine is for errors that hold several, as when closing failed after something else did.
var oneLine = strings.NewReplacer("\n\t", " ", "\n", "; ")

const (
	exitFailed = 1
	exitUsage  = 2
)

// run executes a command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		usage(stdout)
		return 0
	}
	for _, c := range commands {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, args[1:], stdout, stderr)
		if err == nil {
			return 0
		}
		fmt.Fprintf(stderr, "cloakroom %s: %s\n", c.name, oneLine.Replace(err.Error()))
		var mistake usageError
		if errors.As(err, &mistake) {
			return exitUsage
		}
		return exitFailed
	}
	fmt.Fprintf(stderr, "cloakroom: unknown command %q\n", args[0])
	usage(stderr)
	return exitUsage
}

func usage(w io.Writer) {
	fmt.Fprint(w, "Usage: cloakroom <command> [flags]\n\nCommands:\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-6s %s\n", c.name, c.summary)
	}
	fmt.Fprintf(w, "  %-6s %s\n\n", "help", "print this")
	fmt.Fprint(w, "Flags of a command: cloakroom <command> -h\n")
}
