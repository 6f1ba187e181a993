// Package redisstore keeps sessions in Redis (7.0 or newer) or Valkey: on one server, with
// sentinels, or in a Cluster. The client is github.com/redis/rueidis, which sends the
// commands of concurrent requests together.
//
// # Setup
//
//	option := rueidis.ClientOption{InitAddress: []string{"127.0.0.1:6379"}}
//	option.ConnWriteTimeout, option.MaxFlushDelay = 2*time.Second, 100*time.Microsecond
//	client, err := rueidis.NewClient(option)     // check err
//	sessions, err := redisstore.New(client, nil) // check err
//	err = sessions.Check(ctx)                    // names what could end sessions before their time
//
// ConnWriteTimeout is how long a connection may hang before the client gives it up and
// makes a new one; its default is ten seconds. MaxFlushDelay lets the commands of more
// requests share a system call when there are many; its default is none. With sentinels,
// set Sentinel.MasterSet, and Sentinel.TopologyRefreshInterval so that a failover is
// noticed even when the news of it got lost. Leave ReplicaOnly as it is: replicas lag
// behind, and would let in who has signed out. ConnLifetime is refused.
//
// A call returns within 20 milliseconds of the end of its context, with two exceptions. One
// that is alone on its connection returns at the deadline of its context although that was
// cancelled earlier, unless the client has AlwaysPipelining. And one that finds its
// connection gone waits for a caller that is making a new one, for as long as the context
// of that caller lasts.
//
// # Keys
//
// A session is a hash with one member for each field, so that a write moves only its
// fields. The member with the empty name is the store's own: version, expiry in Unix
// milliseconds, and owner. An owner's sessions are in a sorted set.
//
//	> HGETALL cloakroom:s:_b1NchHlxBLOILo1y5fs
//	 1) ""
//	 2) "1795240009995233 1795326409990 alice"
//	 3) "$created"
//	 4) "1795240009990"
//	 5) "$secret"
//	 6) "\"p2yMGV3zsEScCrli2xKOs75ELtaUYlidfcBuES1FrGc\""
//	 7) "cart"
//	 8) "[\"hat\"]"
//	 9) "visits"
//	10) "3"
//	> PTTL cloakroom:s:_b1NchHlxBLOILo1y5fs
//	(integer) 86399815
//	> ZRANGE cloakroom:o:alice 0 -1 WITHSCORES
//	1) "+_b1NchHlxBLOILo1y5fs"
//	2) "1795240009994"
//	3) "=_b1NchHlxBLOILo1y5fs"
//	4) "1795412809986"
//
// In the set, "=" stands before a session's key, with the time when the entry may be
// dropped, and "+" before that of one that was given to the owner, with the time of that.
//
// Load is one HGETALL, Save one script, Delete one UNLINK; each is one round trip, also
// when Save tells an owner's index. Each touches one key, so that a Cluster needs no hash
// tags: the index is told at the same time as the record, on another node. A Redis user
// needs these rights:
//
//	ACL SETUSER web on >secret ~cloakroom:* +@read +@write +@connection +@scripting +@transaction -@dangerous
//	ACL SETUSER web +time +wait +role +info +config|get +cluster|slots +cluster|shards +cluster|nodes +cluster|info
//
// # The index of an owner
//
// ListOwner finds what is in the index and is still the owner's, and takes the rest out,
// but for what was given to the owner in the last ten minutes: the Save that did so may be
// under way. An entry outlives its session by as long as the session had left when the
// index was told of it; the index ends with its last entry.
//
// When the index is lost, because its node was, or a failover undid what it was told last,
// each session comes back with its next touch: its next Save that moves the expiry, which
// the manager makes every tenth of the idle timeout while a session is in use. Until then
// ListOwner misses it, and so does whoever signs an owner out everywhere. Without an idle
// timeout there are no touches, and what was lost stays lost.
//
// # What a crash costs
//
// What Redis has acknowledged is in its memory. When it dies, it depends on what it was
// told to keep:
//
//   - appendonly yes with appendfsync always: nothing is lost.
//   - appendonly yes with appendfsync everysec, the default: the last second or two, when
//     the machine dies with it; nothing when only the process does.
//   - save (snapshots): everything since the last one. Who has signed in since then must do
//     so again, and who has signed out since then is signed in again.
//   - neither: all sessions.
//
// A failover loses what the promoted replica did not have yet: sign-ins of the last moment,
// but also sign-outs. [Options.WaitReplicas] makes sign-outs and all that opens a session
// wait for replicas. A master that restarts empty before a failover happens takes its
// replicas' data along: do not let a master without persistence restart by itself.
//
// # Eviction
//
// Sessions have an expiry, so every maxmemory-policy but noeviction ends sessions when
// memory is full, the volatile ones before anything else. Worse, they drop the manager's
// own records, by which sessions were revoked. With noeviction, writes fail when memory is
// full, which is an outage; sessions can still be read and ended. [Store.Check] looks at
// this. Give sessions a server of their own, or a database of one that does not evict.
package redisstore
