package servers

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// reservePort has the system choose a port, and the one 10000 above it if bus is true. The
// port is bound and nobody listens on it, which leaves it to a server, refuses clients
// while there is none, and keeps others from getting it.
func reservePort(bus bool) (port int, release func(), err error) {
	for range 100 {
		low, port, err := bind(0)
		if err != nil {
			return 0, nil, err
		}
		if !bus {
			return port, func() { syscall.Close(low) }, nil
		}
		if port+10000 < 1<<16 {
			if high, _, err := bind(port + 10000); err == nil {
				return port, func() { syscall.Close(low); syscall.Close(high) }, nil
			}
		}
		syscall.Close(low)
	}
	return 0, nil, fmt.Errorf("there is no free pair of ports 10000 apart")
}

func bind(port int) (fd, bound int, err error) {
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, os.NewSyscallError("socket", err)
	}
	err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		var addr syscall.Sockaddr
		if addr, err = syscall.Getsockname(fd); err == nil {
			return fd, addr.(*syscall.SockaddrInet4).Port, nil
		}
	}
	syscall.Close(fd)
	return 0, 0, os.NewSyscallError("bind", err)
}

// starter runs functions on a thread that never ends. The kernel ends a child with the
// thread that made it, which is earlier than with the process when the thread ends.
var starter = sync.OnceValue(func() chan<- func() {
	todo := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range todo {
			f()
		}
	}()
	return todo
})

// startChild starts a program that ends with this process, also when that is killed.
func startChild(cmd *exec.Cmd, as string) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if as != "" {
		u, err := user.Lookup(as)
		if err != nil {
			return err
		}
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	result := make(chan error)
	starter() <- func() { result <- cmd.Start() }
	return <-result
}

// killChild kills a child and what it started, of which nothing is left but, perhaps, the
// child for somebody to wait for. Stopped first, it cannot start more.
func killChild(child *os.Process) error {
	if err := child.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	all := descendants(child.Pid)
	if err := signalAll(all, syscall.SIGKILL); err != nil {
		return err
	}
	for _, pid := range all {
		for {
			_, state := parentAndState(pid)
			if state == 0 || state == 'Z' {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

// pauseChild stops a child and what it started, or lets them go on.
func pauseChild(child *os.Process, on bool) error {
	if !on {
		return signalAll(descendants(child.Pid), syscall.SIGCONT)
	}
	if err := child.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return signalAll(descendants(child.Pid), syscall.SIGSTOP)
}

func signalAll(pids []int, signal syscall.Signal) error {
	for _, pid := range pids {
		if err := syscall.Kill(pid, signal); err != nil && err != syscall.ESRCH {
			return os.NewSyscallError("kill", err)
		}
	}
	return nil
}

// descendants returns a process and those that it started, and so on. Groups do not tell:
// each process of PostgreSQL has its own.
func descendants(pid int) []int {
	children := make(map[int][]int)
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		if child, err := strconv.Atoi(entry.Name()); err == nil {
			parent, _ := parentAndState(child)
			children[parent] = append(children[parent], child)
		}
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// parentAndState returns zeros when there is no such process.
func parentAndState(pid int) (parent int, state byte) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]) // state, parent, more
	parent, _ = strconv.Atoi(string(fields[1]))
	return parent, fields[0][0]
}
