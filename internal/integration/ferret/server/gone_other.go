//go:build !unix && !race

package main

import "net"

// hasGone cannot tell on this system.
func hasGone(net.Conn) bool { return false }
