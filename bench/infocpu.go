package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// redisCPU returns the CPU time that a Redis has used, in all its threads.
func redisCPU(address string) (time.Duration, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "INFO cpu\r\nQUIT\r\n"); err != nil {
		return 0, err
	}
	var used float64
	found := 0
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if name == "used_cpu_sys" || name == "used_cpu_user" {
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, err
			}
			used += seconds
			found++
		}
	}
	if found != 2 {
		return 0, fmt.Errorf("redis at %s does not say what CPU it used", address)
	}
	return time.Duration(used * float64(time.Second)), nil
}
