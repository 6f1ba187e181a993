// Package storetest is the examiner of stores: [Run] checks a [store.Store], ours or a
// stranger's, against the numbered rules in the comments of package store, and prints
// the words of each rule that it sees broken together with what it saw.
//
// Give it the real thing, over the real server, with the race detector on:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Store {
//			return yourstore.New(t.TempDir())
//		})
//	}
//
// The optional interfaces are found with [store.As] and examined where they are there;
// the rules of one that is absent are skipped, and the skip names it. [Rules] gives the
// same checks without package testing, for a tool that looks at a store in production.
//
// # What it leaves alone
//
// The store need not be empty and may be in use: keys and owners are random, records
// of others are neither altered nor counted, and rules may run at the same time on one
// store. So a store that is slow to open can be opened once and returned each time.
// What a rule has created it deletes again, and nearly all of it would expire within
// hours. The clock of the store must be right to about ten seconds.
//
// # How long it takes
//
// On a store in memory a moment, most of which is waiting for records to expire by
// themselves. Elsewhere it is the time of many thousand small calls, most of them at
// once, and of a few large ones. Checks wait by sleeping only, so that a store without
// I/O can be examined in a bubble of testing/synctest, where waiting takes no time.
//
// # What it cannot see
//
// These need a test of the store's own: bytes in the store that are not a record (Load
// 2), a Save whose answer was lost (Store 5), the memory that a walk takes (List 3), and
// that Sweep gives space back, since a record that has expired does not exist, removed
// or not. Sweep 2 is checked with several callers of one store, not with several
// programs.
package storetest
