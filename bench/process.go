package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// roleVariable tells a process that it is a child, and of what.
const roleVariable = "CLOAKROOM_BENCH_ROLE"

// An order is what the parent asks of a child.
type order struct {
	Do         string
	Case       string
	N          int
	Goroutines int
	For        time.Duration
	Plan       plan
	Place      place
}

// A report is a child's answer to an order. What is not asked for is zero.
type report struct {
	Err     string
	N       int
	CPU     float64 // nanoseconds
	Address string
	Cookies []string
	Counts  counts
	Trips   trips
	Took    time.Duration
	Bytes   float64 // of a session
	Stall   time.Duration
}

// obey answers orders until there are no more.
func obey(in io.Reader, out io.Writer, do func(order) (report, error)) error {
	orders, reports := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var o order
		switch err := orders.Decode(&o); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		r, err := do(o)
		if err != nil {
			r.Err = err.Error()
		}
		if err := reports.Encode(r); err != nil {
			return err
		}
	}
}

// A process is a child that obeys. It ends when its input ends, so also with the parent.
type process struct {
	role    string
	cmd     *exec.Cmd
	in      io.WriteCloser
	orders  *json.Encoder
	reports *json.Decoder
}

func startProcess(role string) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{role, cmd, in, json.NewEncoder(in), json.NewDecoder(out)}, nil
}

func (p *process) ask(o order) (report, error) {
	var r report
	if err := p.orders.Encode(o); err != nil {
		return r, fmt.Errorf("%s: %w", p.role, err)
	}
	if err := p.reports.Decode(&r); err != nil {
		return r, fmt.Errorf("%s: the process gave no answer: %w", p.role, err)
	}
	if r.Err != "" {
		return r, fmt.Errorf("%s: %s", p.role, r.Err)
	}
	return r, nil
}

func (p *process) end() {
	p.in.Close()
	p.cmd.Wait()
}
