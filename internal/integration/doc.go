// Package integration holds the tests that need something real: databases, servers,
// browsers, other processes. It is a module of its own so that what they depend on is
// no dependency of the library.
package integration
