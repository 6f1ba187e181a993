//go:build !race

package main

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// A message is one of the wire protocol, with its header.
type message []byte

const (
	headerLen = 16
	maxLen    = 48_000_000

	opReply = 1    // the answer to opQuery
	opQuery = 2004 // of old, and still the first that a client sends: who is there?
	opMsg   = 2013
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

func (m message) op() uint32 { return binary.LittleEndian.Uint32(m[12:]) }

// start returns where the document is in a message.
func (m message) start() int {
	if m.op() == opReply {
		return headerLen + 20 // flags, cursor, two counts
	}
	return headerLen + 5 // flags, the kind of the section
}

// body returns the document in a message, or nil.
func (m message) body() bson.Raw {
	if at := m.start(); m.op() != opQuery && len(m) >= at {
		return bson.Raw(m[at:])
	}
	return nil
}

// command returns the name of the command in a message.
func (m message) command() string {
	if m.op() == opQuery {
		return "isMaster"
	}
	elements, err := m.body().Elements()
	if err != nil || len(elements) == 0 {
		return ""
	}
	return elements[0].Key()
}

// watches returns for how long the client wants to wait for news of the server before it is
// told, again and again, that there are none. It is 0 if it does not.
func (m message) watches() time.Duration {
	const exhaustAllowed = 1 << 16
	if m.op() != opMsg || binary.LittleEndian.Uint32(m[headerLen:])&exhaustAllowed == 0 {
		return 0
	}
	ms, _ := m.body().Lookup("maxAwaitTimeMS").AsInt64OK()
	return time.Duration(ms) * time.Millisecond
}

func (m message) setMoreToCome() { m[headerLen] |= 1 << 1 }

// reply returns the message that answers m with doc.
func (m message) reply(doc bson.D) (message, error) {
	r := make(message, headerLen+5)
	copy(r[8:], m[4:8]) // the request that it is for
	binary.LittleEndian.PutUint32(r[12:], opMsg)
	return r.holding(doc)
}

// with returns a message with one more element in its document.
func (m message) with(e bson.E) (message, error) {
	var doc bson.D
	if err := bson.Unmarshal(m.body(), &doc); err != nil {
		return nil, err
	}
	return m.holding(append(doc, e))
}

// holding returns a message with another document.
func (m message) holding(doc bson.D) (message, error) {
	body, err := bson.Marshal(doc)
	if err != nil {
		return nil, err
	}
	m = slices.Concat(m[:m.start()], message(body))
	binary.LittleEndian.PutUint32(m, uint32(len(m)))
	return m, nil
}
