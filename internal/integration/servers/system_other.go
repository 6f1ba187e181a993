//go:build !linux

package servers

import (
	"errors"
	"net"
	"os"
	"os/exec"
)

// reservePort has the system choose a port. The one above it is hoped for.
func reservePort(bus bool) (port int, release func(), err error) {
	for {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return 0, nil, err
		}
		port = l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			return 0, nil, err
		}
		if !bus || port+10000 < 1<<16 {
			return port, func() {}, nil
		}
	}
}

func startChild(cmd *exec.Cmd, as string) error {
	if as != "" {
		return errors.New("it cannot run as root: run the test as somebody else")
	}
	return cmd.Start()
}

func killChild(child *os.Process) error { return child.Kill() }

func pauseChild(*os.Process, bool) error {
	return errors.New("that takes Linux")
}
