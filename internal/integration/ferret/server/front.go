//go:build !race

package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// A front stands before a server and gives it one writing command at a time. It also does
// what MongoDB's fail point failCommand does, for tests of what a server answers rarely.
type front struct {
	behind string
	writes sync.Mutex

	mu   sync.Mutex
	fail failPoint
}

// reads are the commands that write nothing.
var reads = []string{"find", "getMore", "hello", "isMaster", "ismaster", "ping", "endSessions"}

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
			if _, err := server.Write(request); err != nil {
				return nil, err
			}
			return readMessage(fromServer)
		})
		if err != nil {
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

func (f *front) answer(request message, ask func() (message, error)) (message, error) {
	doc := request.body()
	name := ""
	if elements, err := doc.Elements(); err == nil && len(elements) > 0 {
		name = elements[0].Key()
	}
	if name == "configureFailPoint" {
		return request.reply(f.configure(doc))
	}
	fails := f.fails(name)
	switch {
	case fails.CloseConnection:
		return nil, errClosed
	case fails.ErrorCode != 0:
		return request.reply(bson.D{{Key: "ok", Value: 0}, {Key: "code", Value: fails.ErrorCode}, {Key: "errmsg", Value: "by a fail point"}})
	}
	if !slices.Contains(reads, name) {
		f.writes.Lock()
		defer f.writes.Unlock()
	}
	answer, err := ask()
	if err != nil || fails.WriteConcernError == nil {
		return answer, err
	}
	var body bson.D
	if err := bson.Unmarshal(answer.body(), &body); err != nil {
		return nil, err
	}
	return request.reply(append(body, bson.E{Key: "writeConcernError", Value: fails.WriteConcernError}))
}

var errClosed = errors.New("closed by a fail point")

// A message is one of the wire protocol, with its header.
type message []byte

const (
	headerLen = 16
	maxLen    = 48_000_000
	opMsg     = 2013
)

func readMessage(r io.Reader) (message, error) {
	m := make(message, headerLen)
	if _, err := io.ReadFull(r, m); err != nil {
		return nil, err
	}
	size := int(binary.LittleEndian.Uint32(m))
	if size < headerLen || size > maxLen {
		return nil, errors.New("no message of the wire protocol")
	}
	m = append(m, make([]byte, size-headerLen)...)
	_, err := io.ReadFull(r, m[headerLen:])
	return m, err
}

// body returns the command in a message, or nil in those of old that only ask who is there.
// Flags of four bytes and the kind of the section stand before it.
func (m message) body() bson.Raw {
	const at = headerLen + 4 + 1
	if len(m) < at || binary.LittleEndian.Uint32(m[12:]) != opMsg || m[at-1] != 0 {
		return nil
	}
	return bson.Raw(m[at:])
}

// reply returns the message that answers m with doc.
func (m message) reply(doc bson.D) (message, error) {
	body, err := bson.Marshal(doc)
	if err != nil {
		return nil, err
	}
	r := make(message, headerLen+4+1, headerLen+4+1+len(body))
	copy(r[8:], m[4:8]) // the request that it is for
	binary.LittleEndian.PutUint32(r[12:], opMsg)
	r = append(r, body...)
	binary.LittleEndian.PutUint32(r, uint32(len(r)))
	return r, nil
}
