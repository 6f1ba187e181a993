//go:build !race

package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// A front stands before a server and gives it one writing command at a time, or several
// reading ones. FerretDB takes milliseconds where MongoDB takes microseconds, so the front
// keeps them in order: no read overtakes a write that has come before it, and a write is
// dropped when its client has gone before its turn. The front also does two
// things that MongoDB does and FerretDB does not. It tells clients who watch it that it is
// still there, on a connection on which they need not ask again, and learn at once when it is
// not. And it fails as the fail point failCommand says, for tests of what a server answers
// rarely.
type front struct {
	behind string
	order  sync.RWMutex // held while a command is carried out

	mu   sync.Mutex
	fail failPoint
}

// unordered are the commands that have to do with no data, and reads those that write none.
var (
	unordered = []string{"hello", "isMaster", "ping", "endSessions"}
	reads     = []string{"find", "getMore"}
)

func (f *front) serve(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go f.pass(conn)
	}
}

// pass takes messages of MongoDB's wire protocol from conn and brings the answers, of which
// there is one for each.
func (f *front) pass(conn net.Conn) {
	defer conn.Close()
	server, err := net.Dial("tcp", f.behind)
	if err != nil {
		return
	}
	defer server.Close()
	fromClient, fromServer := bufio.NewReader(conn), bufio.NewReader(server)
	for {
		request, err := readMessage(fromClient)
		if err != nil {
			return
		}
		answer, err := f.answer(request, func() (message, error) {
			if hasGone(conn) {
				return nil, net.ErrClosed
			}
			if _, err := server.Write(request); err != nil {
				return nil, err
			}
			return readMessage(fromServer)
		})
		if err != nil {
			return
		}
		if pause := request.watches(); pause > 0 {
			gone := make(chan struct{})
			go func() {
				io.Copy(io.Discard, fromClient)
				close(gone)
			}()
			watched(conn, answer, pause, gone)
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// watched repeats an answer until the client has gone.
func watched(w io.Writer, answer message, pause time.Duration, gone <-chan struct{}) {
	answer.setMoreToCome()
	for {
		select {
		case <-gone:
			return
		case <-time.After(pause):
		}
		if _, err := w.Write(answer); err != nil {
			return
		}
	}
}

func (f *front) answer(request message, ask func() (message, error)) (message, error) {
	command := request.command()
	if command == "configureFailPoint" {
		return request.reply(f.configure(request.body()))
	}
	fails := f.fails(command)
	switch {
	case fails.CloseConnection:
		return nil, errClosed
	case fails.ErrorCode != 0:
		return request.reply(bson.D{{Key: "ok", Value: 0}, {Key: "code", Value: fails.ErrorCode}, {Key: "errmsg", Value: "by a fail point"}})
	}
	switch {
	case slices.Contains(unordered, command):
	case slices.Contains(reads, command):
		f.order.RLock()
		defer f.order.RUnlock()
	default:
		f.order.Lock()
		defer f.order.Unlock()
	}
	answer, err := ask()
	switch {
	case err != nil:
		return nil, err
	case command == "hello" || command == "isMaster":
		return answer.with(bson.E{Key: "topologyVersion", Value: bson.D{{Key: "processId", Value: self}, {Key: "counter", Value: int64(0)}}})
	case fails.WriteConcernError != nil:
		return answer.with(bson.E{Key: "writeConcernError", Value: fails.WriteConcernError})
	}
	return answer, nil
}

var (
	errClosed = errors.New("closed by a fail point")
	self      = bson.NewObjectID()
)
