// Package ferret tests mongostore on a server that speaks MongoDB's protocol: FerretDB 1.24
// over SQLite, which runs in a process of its own. It is a module of its own since FerretDB
// brings many others.
//
// FerretDB is not MongoDB. It has no TTL indexes, no partial ones and no transactions; it
// answers no update with a part of a document, takes larger ones, ignores write and read
// concerns, and reads a whole collection for each filter that has more than an _id. And it
// reads, edits and writes a document in separate steps, so that of two edits at once one can be
// lost; what stands in front of it here gives it one at a time. See the folder server.
//
// The same tests run on a real MongoDB when its URL is in CLOAKROOM_TEST_MONGODB_URL. It is
// neither stopped nor emptied, and each test has a database of its own there, which it drops.
package ferret
