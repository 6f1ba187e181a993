package filestore

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	extension = ".json"
	// ownersFolder holds the index of owners: empty files, in folders by the digest of the
	// owner, named with it and the digest of the key.
	ownersFolder = "owners"
)

// A digest stands for a key or an owner in names of files, where it is in hexadecimal.
type digest [sha256.Size]byte

func digestOf(text string) digest { return sha256.Sum256([]byte(text)) }

func (d digest) String() string { return hex.EncodeToString(d[:]) }

// A number is that of one of the folders, which are named with it.
type number = byte

const folders = 256

func folderName(n number) string { return hex.EncodeToString([]byte{n}) }

// number is that of the folder in which d lies.
func (d digest) number() number { return d[0] }

// file is the name of the record's file in its folder.
func (d digest) file() string { return d.String() + extension }

// path is the name of the record's file in the tree.
func (d digest) path() string { return folderName(d.number()) + "/" + d.file() }

// ownedBy is the name of the record's file in the index of owners.
func (d digest) ownedBy(owner digest) string { return owner.String() + "." + d.String() }

func parseDigest(text string) (d digest, ok bool) {
	if len(text) != hex.EncodedLen(len(d)) || strings.ToLower(text) != text {
		return d, false
	}
	_, err := hex.Decode(d[:], []byte(text))
	return d, err == nil
}

// fileDigest returns which record's file the name is, if it is one in the folder.
func fileDigest(folder number, name string) (d digest, ok bool) {
	text, _ := strings.CutSuffix(name, extension)
	d, ok = parseDigest(text)
	return d, ok && d.number() == folder && d.file() == name
}

// ownedDigest returns which record an entry in the index of owners is about, if it is one of
// the owner's.
func ownedDigest(owner digest, name string) (d digest, ok bool) {
	if len(name) <= hex.EncodedLen(len(owner)) {
		return d, false
	}
	d, ok = parseDigest(name[hex.EncodedLen(len(owner))+1:])
	return d, ok && d.ownedBy(owner) == name
}

// checkKey refuses what could not be read back from a file. No key of package store is among
// that.
func checkKey(key string) error {
	switch {
	case key == "" || len(key) > 256:
		return fmt.Errorf("the key has %d bytes: use 1 to 256", len(key))
	case !utf8.ValidString(key) || strings.IndexByte(key, 0) >= 0:
		return errors.New("the key is not valid UTF-8 or holds a NUL: use text")
	}
	return nil
}
