// Package store is the contract between a session manager and the place where its
// sessions live: [Store], the [Record] it keeps, the [Change] that edits one, and the
// optional interfaces by which a store offers more. Programs that use sessions pick a
// store and never call it; this page is for those who write one.
//
// # Why edits
//
// A Change names what changes, and the store merges it into what is there. Two
// requests of one session that write different fields both keep their change. A
// record that is gone stays gone: a Save without Create finds nothing to edit, so a
// request that was under way while its user signed out cannot bring the session back.
// A condition is about one field, so a counter in one field never makes a writer of
// another one wait.
//
// # How to write a store
//
//  1. Decide where the one atomic step is. With a lock or a transaction: read the
//     record, call [Apply], write the result. With compare-and-swap: the same in a
//     loop that starts again when the version has moved. With a server that edits
//     natively, such as a script or an update operator: do there what Apply does, with
//     liveness and conditions checked in the same step.
//
//  2. Keep, for each key: version, owner, expiry in milliseconds, and the fields.
//     [Fields.MarshalJSON] and [Fields.UnmarshalJSON] give a form that people and
//     programs in other languages can read. A store that keeps fields apart must keep
//     names and values to the byte.
//
//  3. Compare the expiry with one clock, the store's own, in Load and in Save alike.
//     Removing what has expired is a separate matter: [Sweeper], or the server's own.
//
//  4. If you compare versions, you may try Change.Base before reading: when the stored
//     version is Base.Version, Base is the record. When it is not, read.
//
//  5. Wrap errors with what was being done: fmt.Errorf("yourstore: load: %w", err). Map
//     the server's "no such thing" to [ErrNotFound], bytes that you cannot read to
//     [ErrMalformed] with what was found where, and leave every other error an outage.
//
//  6. Do not retry a Save whose answer was lost. The manager knows when that is safe.
//
//  7. Start no goroutine in a constructor, and log nothing.
//
//  8. Add the optional interfaces that your server makes cheap. A wrapper around
//     another store has a method Unwrap() Store, unless it changes bytes or keys.
//
//  9. Run the examiner, over the real server and with the race detector. It checks
//     every numbered rule of this package and prints the one it saw broken.
//
// The whole of the test is:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Store {
//			return yourstore.New(t.TempDir())
//		})
//	}
//
// # Compatibility
//
// Store never grows a method and Record no rule that an existing store would break. New
// capabilities are new one-method interfaces, found with [As].
package store
