package filestore

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

// A document is what a file holds: the form of a record in package kvstore, with the key in
// front, so that a list has it and a file that was copied to another name is noticed.
type document struct {
	key string
	rec store.Record
}

const (
	keyMember = `{"key":`
	// These come right after a string, inside of which each quote has a backslash before it:
	// so the first of them in a document is not in a string.
	afterKey   = `,"version":`
	afterTimes = `,"fields":`
	// documentEnd ends the fields and the document.
	documentEnd = "}}\n"
	// headLen is enough for what comes before the fields: a key and an owner of 256 bytes,
	// each of which may take six, and two numbers.
	headLen = 4096
)

func (d document) live() bool { return time.Now().Before(d.rec.ExpiresAt) }

// reserved reports whether the record is one of the manager's own.
func (d document) reserved() bool { return strings.HasPrefix(d.key, "$") }

// owner is who finds the record in the index of owners, "" for nobody.
func (d document) owner() string {
	if d.reserved() {
		return ""
	}
	return d.rec.Owner
}

func (d document) encode() []byte {
	rec := kvstore.Encode(d.rec)
	b := make([]byte, 0, len(rec)+len(d.key)+32)
	b = append(b, keyMember...)
	b = append(b, quote(d.key)...)
	b = append(b, ',')
	b = append(b, rec[1:]...)
	return append(b, '\n')
}

func quote(text string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string always encodes
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// decode reads a document. It alters data.
func decode(data []byte) (document, error) {
	var d document
	end := bytes.Index(data, []byte(afterKey))
	if end < 0 || !bytes.HasPrefix(data, []byte(keyMember)) {
		return d, errors.New("it does not begin with a key and a version")
	}
	if err := json.Unmarshal(data[len(keyMember):end], &d.key); err != nil {
		return d, errors.New("its key is not a string")
	}
	data[end] = '{' // the record begins where the key ends
	rec, whole := bytes.CutSuffix(data[end:], []byte("\n"))
	if !whole {
		return d, errors.New("it does not end with a line feed")
	}
	var err error
	d.rec, err = kvstore.Decode(string(rec))
	return d, err
}

// load returns what is in the file of the digest, which lies at name under root. Its errors
// are those of read.
func load(root *os.Root, name string, of digest) (document, error) {
	data, _, err := read(root, name)
	if err != nil {
		return document{}, err
	}
	return parse(root, name, of, data)
}

// loadHead is load, but leaves out the fields of a large record.
func loadHead(root *os.Root, name string, of digest) (document, error) {
	head, tail, err := readEnds(root, name, headLen, len(documentEnd))
	if err != nil {
		return document{}, err
	}
	if end := bytes.Index(head, []byte(afterTimes)); len(tail) > 0 && end >= 0 {
		head = append(append(head[:end], afterTimes+"{"...), tail...) // cut off if the tail is
	}
	return parse(root, name, of, head)
}

func parse(root *os.Root, name string, of digest, data []byte) (document, error) {
	d, err := decode(data)
	if err != nil {
		return document{}, notRecord(root, name, err)
	}
	if digestOf(d.key) != of {
		return document{}, notRecord(root, name, errors.New("its key belongs to a file of another name"))
	}
	return d, nil
}
