// Package filestore keeps sessions in files: one for each, which any editor shows. It is for
// programs on one machine that want no database. Setup:
//
//	sessions, err := filestore.New("/var/lib/shop/sessions", nil)
//	// check err
//	defer sessions.Close()
//
// # What is where
//
//	3f/3fb8...e1.json             a session
//	3f/.cloakroom-tmp             a session that is being written
//	owners/07/07d4...5c.3fb8...e1 a session with an owner, empty
//
// A session lies at the SHA-256 of its key, in hexadecimal, so that no key can name another
// file, whatever is in it and whether or not the file system sees the case of letters:
//
//	printf %s "$KEY" | sha256sum
//
// Its file holds one line of JSON: the key, and what [kvstore.Encode] makes of a record.
//
//	{"key":"dGhpcyBpcyBhIGtleSE","version":1767225600000000,"owner":"7","expires":1767312000000,"fields":{"visits":3}}
//
// expires is Unix time in milliseconds. Times of files mean nothing here, so that backups,
// copies and mount options neither extend nor end a session. Directories are made with mode
// 0700 and files with 0600.
//
// # How it writes
//
// A new file is written beside the old one and renamed, so that nobody ever reads half a
// record, and readers need no lock. Writers lock the directory (flock), which also keeps
// those of other processes on the machine out; a process that dies lets go of its locks. A
// half-written file that such a process leaves behind is removed by the next writer in the
// same directory or by [Store.Sweep].
//
// The directory must be on a local disk, since network file systems do not lock reliably.
// That is how it works on Linux, macOS and the BSDs; elsewhere [New] returns an error that
// wraps [errors.ErrUnsupported].
//
// # What a crash costs
//
// Nothing that was acknowledged is lost when the process dies, whatever [Options.Sync] is.
// When the machine dies, it depends: see there.
//
// # Other people's files
//
// A file that is not a record is left as it is. [Store.Load] of one is [store.ErrMalformed]
// with its path, and [Store.Sweep] tells of those that it came across. [KV] keeps files whose
// names and contents are the caller's, for programs that share a directory with others.
package filestore
