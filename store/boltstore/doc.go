// Package boltstore keeps sessions in a bbolt file (go.etcd.io/bbolt): for a program that
// runs on one machine and wants no server for its sessions. The program opens the file, may
// keep buckets of its own in it, and closes it.
//
// Setup:
//
//	db, err := bbolt.Open("sessions.db", 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
//	// check err
//	defer db.Close()
//	sessions, err := boltstore.New(db, nil) // makes its bucket at the first start
//	// check err
//
// A bbolt file belongs to one process at a time: bbolt.Open of a second one waits until the
// first has closed it, or fails after Timeout. For several processes on one machine take
// package sqlstore with SQLite, for several machines a store with a server.
//
// # Layout
//
// The bucket, "cloakroom_sessions" unless Options says otherwise, holds a format number and
// three buckets:
//
//	format    "1"
//	sessions  key -> end, length of the owner, owner, and the record
//	expires   end (8 bytes, big endian) + key -> nothing
//	owners    owner + NUL + key -> nothing
//
// Ends are Unix time in milliseconds. The record is the JSON that package kvstore documents.
// The bbolt command shows it:
//
//	$ bbolt keys sessions.db cloakroom_sessions sessions
//	kxTbVb5LAMEbLq1mCdzA
//	$ bbolt get sessions.db cloakroom_sessions sessions kxTbVb5LAMEbLq1mCdzA
//	1767312000000 5 alice {"version":1767225600000000,"owner":"alice","expires":1767312000000,"fields":{"visits":3}}
//
// The command needs the file to itself, so stop the program first, or look at a copy.
//
// # How it writes
//
// bbolt has one writer at a time. Calls of Save, Delete and Sweep that wait for it together
// go into one transaction, and so share the wait for the disk; one that comes alone waits for
// no company. A goroutine runs those transactions while there is something to write, and only
// then. It is not the caller's, and neither is the one that a read runs on, so a caller whose
// context ends waits neither for a disk nor for a transaction of the program's own; what it
// left behind ends when they do.
//
// Saves of one record come one after the other, each with a transaction of its own or one
// that it shares with those of other records.
//
// Two things to know about a file that is shared with the rest of the program. A Save within
// a write transaction of the program waits for that transaction, so it fails when its context
// ends. And while a transaction that reads is open, say for a backup, the file cannot be
// mapped anew when it grows: from then on everybody waits for the end of that transaction.
// bbolt.Options.InitialMmapSize, larger than the file will become, avoids it.
//
// The file does not shrink; the room of removed records is used again.
//
// # What a crash costs
//
// Nothing that was acknowledged is lost when the process dies, whatever the settings, and the
// file is consistent. When the machine dies:
//
//   - By default, nothing. Every change is on the disk before its Save or Delete returns.
//   - With bbolt.Options.NoSync or DB.NoSync, perhaps everything: the order in which pages
//     reach the disk is then left to chance, and the file may be damaged as a whole. It is for
//     sessions that may be lost together.
package boltstore
