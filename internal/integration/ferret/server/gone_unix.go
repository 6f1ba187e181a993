//go:build unix && !race

package main

import (
	"net"
	"syscall"
)

// hasGone reports whether the other side has closed the connection.
func hasGone(conn net.Conn) bool {
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return true
	}
	var n int
	var problem error
	err = raw.Control(func(fd uintptr) {
		n, _, problem = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return err != nil || problem == nil && n == 0 || problem != nil && problem != syscall.EAGAIN
}
