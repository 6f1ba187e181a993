// Package memcachestore keeps sessions in memcached, over the client
// github.com/bradfitz/gomemcache. It is for programs that have memcached already and whose
// users can be asked to sign in again: memcached is a cache, and may forget.
//
// Setup:
//
//	client := memcache.New("10.0.0.1:11211", "10.0.0.2:11211")
//	client.MaxIdleConns = 100 // more than requests at a time, or calls wait for new connections
//	client.Timeout = time.Second
//	sessions, err := memcachestore.New(client, nil)
//	// check err
//
// # What is lost
//
// A restart of memcached ends all sessions that were on that server. When memcached runs out
// of memory it evicts what was not used for long, and those sessions end early. Give it the
// memory that all live sessions take, and watch evictions in "stats"; or start it with -M, so
// that a Save that does not fit is an error, instead of the silent end of other sessions.
//
// None of this brings a session back. A sign-out deletes the record, and an edit is a cas,
// which finds nothing where a record was deleted, evicted or lost.
//
// # What can bring a session back
//
// A server with old data that is asked again. Say a server is taken out of the list, a
// session of which it has a record is signed out meanwhile, elsewhere as far as the list is
// concerned, and the server returns: its old record is found again. The same happens with any
// change of the list of servers, as it moves most keys, when the change is undone; and with a
// selector or a proxy that sends keys to another server while theirs does not answer. So:
//
//   - Keep to the client's own memcache.ServerList, which never asks another server: while one
//     is down, its sessions are an outage and not lost.
//   - Restart or flush a server that was away before it returns to the list.
//   - When the list changes, change Options.Prefix with it, in all processes, to one that was
//     never used. It ends all sessions, and revives none.
//
// Where that is not good enough, take another store.
//
// # Layout
//
// The key of an item is Options.Prefix and the key of the record. A key that memcached might
// not take (more than 250 bytes with the prefix, or anything but visible ASCII), or that
// begins with #, is there as # and its SHA-256 in base64url. The value is the end, the length
// of the key, the key, and the record, which is the JSON that package kvstore documents:
//
//	$ printf 'get cloakroom:kxTbVb5LAMEbLq1mCdzA\r\nquit\r\n' | nc 10.0.0.1 11211
//	VALUE cloakroom:kxTbVb5LAMEbLq1mCdzA 0 128
//	1767312000000 20 kxTbVb5LAMEbLq1mCdzA {"version":1767225600000000,"owner":"alice","expires":1767312000000,"fields":{"visits":3}}
//	END
//
// The end is Unix time in milliseconds, and it is what counts, by the clock of the process
// that asks, which also numbers new records: the clocks of all web servers have to agree. memcached, which counts in seconds,
// is told to free the item up to two seconds later. What lasts beyond January 2038 it is told
// to free then, which is as far as the client's number goes.
//
// # How it calls
//
// A Load is one round trip, a Create one, a Save two (gets and cas), a Delete one. Nothing can
// be listed, so a manager with Config.Owners refuses to start with this store.
//
// The client knows no contexts. Each call therefore has a goroutine, which the caller leaves
// when its context ends; it ends by client.Timeout, which bounds each round trip and defaults
// to half a second. So a server that hangs costs a goroutine and a connection for each call of
// the last few Timeouts, and no more.
//
// The client does not look at a connection that it has kept before it uses it. Where the
// server has closed it, Load, Delete and Ping try the next one; a Save is never repeated once
// its cas or add was sent, and its error is an outage.
//
// Keep memcached where nobody else reaches it: by itself it asks for no password.
package memcachestore
