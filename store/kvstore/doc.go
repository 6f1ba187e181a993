// Package kvstore makes a store of anything that can get, compare and swap, and delete.
//
// [KV] is that anything: bytes at keys, with an end. [New] makes a [store.Store] of it that
// keeps every rule of package store. The other store packages export a KV of their own
// database, over the caller's own keys, tables and lifetimes, so that a program can share
// records that have another form, such as those of a library in another language.
//
// # How to write a KV
//
// CompareAndSwap is the one atomic step. Where the server compares revisions, return them
// from Get, and compare bytes only where old has none: [Store] brings none when it guesses
// what is stored from what its caller loaded before. Where it does not, compare and write
// under the server's lock or in its transaction.
//
// Let the server judge the expiry, or look at one clock in Get and CompareAndSwap alike. An
// entry that has expired does not exist, and a new one may take its place.
//
// Then let package kvtest examine it.
package kvstore
