// Package kvtest is the examiner of KVs, as package storetest is that of stores: [Run] checks
// a [kvstore.KV] against the numbered rules in the comments of package kvstore, and prints
// the words of each rule that it sees broken together with what it saw.
//
// Give it the real thing, over the real server, with the race detector on:
//
//	func TestKV(t *testing.T) {
//		kvtest.Run(t, func(t *testing.T) kvstore.KV {
//			return yourstore.NewKV(t.TempDir())
//		})
//	}
//
// The KV need not be empty and may be in use: keys are random, rules may run at the same
// time on one KV, and what a rule has put there it deletes again. The clock of the server
// must be right to about ten seconds. A server that keeps times to the second is fine, and
// is waited for longer.
//
// That a KV never repeats a CompareAndSwap that may have landed (KV 5) needs a test of its
// own.
package kvtest
