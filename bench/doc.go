// Command bench does the same work with several session libraries and prints what it
// cost: CPU, allocations, bytes and store calls of a request, beside those of cloakroom.
//
//	go run .                            all cases and peers, about two minutes
//	go run . -cases read,write -peers cloakroom,scs -rounds 3
//	go run . -check                     exit 1 when a figure misses its bar, and say by how much
//	go run . -memory                    a million sessions: bytes, collector, stalls
//	go run . -stores                    stores on real servers, about five minutes
//	go run . -stores -peers cloakroom-redis,scs-goredis -cases read,write
//	go test -run - -bench Peers/cloakroom/write -cpuprofile cpu.out
//
// # Peers
//
// One file each: a bare handler without sessions (peer_bare.go); a floor written by hand,
// which is what a session costs when it is nothing but a map (peer_limit.go); cloakroom
// with memstore; alexedwards/scs with its memory store; gorilla/sessions with encrypted
// cookies; gofiber with its session middleware and memory storage; icza/session, which
// keeps live values that end with the process. Libraries have their defaults. A session
// of 64 KB is larger than a cookie may be, so gorilla has no figures for it.
//
// # Requests in process
//
// A request is built once and handed to the library's http.Handler with a response
// writer that keeps the status and the few bytes written; a fresh copy of the request is
// made each time, because libraries leave things in it. fiber is no http.Handler: its
// own request handler gets a fasthttp.RequestCtx. A slice whose last request was not
// answered as it should be is an error, and the tests of this module check that each
// peer does what each case claims, so no figure compares different work.
//
// Sessions hold strings of random letters: 10 of 96 bytes, which the cases call 1 KB, or
// 64 of 1000 bytes. A write sets one of them to another value each time.
//
// Each peer has a process of its own, so that no library pays for another one's garbage.
// The heap of each is that of a server in use: 20,000 other sessions of 1 KB, made by the
// library itself and kept in its store. The two peers without a store hold as many byte
// slices of that size.
//
// # How figures are taken
//
// CPU is user and system time of the whole process, from getrusage, collector included,
// divided by the number of requests. The number is found once so that a slice takes the
// time of -time; each slice begins behind a collection and a few requests that do not
// count. Peers take turns, slice by slice. Ratios are taken within a round, and the
// table shows the median over the rounds, with the lowest and the highest. CPU in
// nanoseconds is there for scale only.
//
// Parallel means one goroutine per GOMAXPROCS, each with a session of its own.
//
// Cases that make sessions run on an empty store that is thrown away behind each slice,
// so that no slice finds what an earlier one left. They make the same number with each
// peer.
//
// Allocations and bytes are counted, over some hundred requests, from
// runtime.MemStats with the collector off. A store that grows in steps shows as a
// fraction. Store calls are counted by a wrapper round the library's own store.
//
// # Requests over loopback
//
// The same processes serve HTTP/1.1 with net/http on 127.0.0.1, and the parent sends
// requests over 64 connections, each with a session of its own: it writes one on every
// connection and then reads every answer. Only the CPU of the server's process counts.
// Ratios are to the bare handler. fiber is left out, since it has a server of its own.
//
// # A million sessions
//
// With -memory each library keeps 1,000,000 sessions, made by way of its manager, with
// the same four user values of about 200 bytes together. Bytes are the heap behind a
// collection, without what was there before. The collector's CPU is that of a whole
// runtime.GC. For the stalls one goroutine loads random sessions without a pause while
// a tenth of all sessions expires and is swept: cloakroom in batches and with pauses, as
// Manager.Run does, scs by its cleanup goroutine. A third process holds the same sessions
// as cloakroom and does not sweep. What stalls there is the machine's noise.
//
// # Stores
//
// With -stores the sessions are in Redis, PostgreSQL or SQLite: those of cloakroom, those
// of scs in its stores for the same servers, and, as the floor, one blob of a session's
// size that is read and written by the bare client and neither encoded nor decoded. Two
// writers of that one lose a change, and nobody can sign in. Beside them, without peers,
// are cloakroom's other stores, its store in memory, and the bare handler. A server that
// is not on the machine is named and left out.
//
// The servers are started for the run, on the same machine. Redis and memcached keep
// nothing on the disk. In all others every change is on the disk before it is
// acknowledged. Each peer has 1,000 other sessions in its store, tables or prefixes of its
// own, and a heap of 20 MB. All peers of PostgreSQL have 16 connections; go-redis has its
// default, redigo and memcached one for each client, and rueidis shares its own, with the
// MaxFlushDelay of 100 us that docs/STORES.md advises. All peers of SQLite have the driver
// modernc.org/sqlite; the README of scs's store takes one that needs cgo. They have
// write-ahead logging and synchronous=FULL, cloakroom 16 connections, the others 2, with
// which scs did better than with 1, 4 or 16.
//
// Round trips and bytes are counted by a proxy before the server, for one client: the
// median of 25 requests, because clients send something of their own now and then. A
// round trip is some bytes up that are answered by some bytes down. The peer
// cloakroom-stale has redisstore.Options.StaleReads, and its session was read before.
//
// Requests come over loopback as above, but each of the 64 connections waits for its own
// answer only. Requests in a second are those of all connections. CPU is that of the
// process that serves HTTP; that of Redis is beside it. In a round the peers of a case
// take eight turns. Load, HTTP server and database share the machine, so requests in a
// second are fewer than with machines of their own, and the ratios smaller. The writers of
// SQLite are 16 goroutines in the process, without HTTP between.
//
// # Limits
//
// Ratios of CPU hold for the machine they were taken on. Two cores show neither
// contention nor NUMA; on a busy machine the ratios move by some 10 %, and the stalls by
// more. Sessions in process are few and stay in the processor's caches, for all peers
// alike. The load over loopback shares the machine with the server. A server that is
// idle at times pays for going to sleep and waking up, which the bare handler does most:
// its share in the ratio makes the ratios a little smaller than they are under full load.
package main
