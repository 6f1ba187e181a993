//go:build !unix

package ferret

import (
	"errors"
	"net"
	"os"
)

// reserve has the system choose a port, which somebody else may get before the server.
func reserve() (addr string, release func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	return l.Addr().String(), func() {}, l.Close()
}

func hold(*os.Process, bool) error {
	return errors.New("a process cannot be stopped on this system")
}
