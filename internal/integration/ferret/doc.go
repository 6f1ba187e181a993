// Package ferret tests mongostore on a server that speaks MongoDB's protocol: FerretDB 1.24
// over SQLite, which runs in a process of its own. It is a module of its own since FerretDB
// brings many others.
//
// FerretDB is not MongoDB. It has no TTL indexes, no partial ones and no transactions; it
// takes larger documents, ignores write and read concerns, and reads a whole collection for
// each filter that has more than an _id. And it reads, edits and writes a document in separate
// steps, so that of two edits at once one can be lost; what stands in front of it here lets one
// command that writes through at a time. The same tests run on a real server when its URL is in
// CLOAKROOM_TEST_MONGODB_URL.
package ferret
