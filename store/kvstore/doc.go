// Package kvstore makes a store of anything that can get, compare and swap, and delete.
//
// [KV] is that anything: bytes at keys, with an end. [New] makes a [store.Store] of it that
// keeps every rule of package store. The other store packages export a KV of their own
// database, over the caller's own keys, tables and lifetimes, so that a program can share
// records that have another form, such as those of a library in another language.
package kvstore
