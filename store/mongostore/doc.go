// Package mongostore keeps sessions in MongoDB: one document per session, of which a change
// moves the fields that change. It rests on the driver go.mongodb.org/mongo-driver/v2.
//
// Setup:
//
//	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://localhost:27017"))
//	// check err
//	sessions, err := mongostore.New(client.Database("app").Collection("sessions"), nil)
//	// check err
//	err = sessions.Migrate(ctx) // makes the indexes; safe at every start, of several processes at once
//
// The user needs the role readWrite on the database. The collection should hold nothing else,
// and is best not given a collation, by which different keys and values could be the same;
// Migrate refuses it.
//
// # Documents
//
// In the shell a session looks like this:
//
//	{
//	  _id: 'M2mQn3yK8dTqVw1xZ0aB',
//	  version: Long('1767225600000042'),            // grows with every change
//	  owner: '7',                                    // '' while anonymous
//	  expires: ISODate('2026-01-08T00:00:00.000Z'),
//	  fields: { '%24epoch': '1', cart: '["book"]', visits: '3' }
//	}
//
// so that these work, for instance:
//
//	db.sessions.find({ owner: '7' }, { 'fields.visits': 1, expires: 1 })
//	db.sessions.deleteMany({ owner: '7' })           // signs a user out everywhere
//
// A field's value is a string of JSON text, to keep it to the byte. In names, "%", dots, NULs, a
// "$" at the beginning and white space around the name are written as a percent sign and two
// digits for each byte, %24 for "$" and %2E for a dot. A document of another form is left as it
// is, and the error says what was found where. Fields of the document that are not listed here
// stay until a session is created anew.
//
// A document takes at most 16 MB. A change that alone is larger is refused with both sizes
// before anything is sent; one that would make the document larger is refused by the server.
//
// # Expiry
//
// Whether a session is live is judged by the clock of this process and the Date in the
// document, in every read and in the filter of every write; removing what has expired is a
// separate matter. Migrate makes a TTL index, by which MongoDB does it within a minute or so
// and by its own clock. Where a server has no such index, or besides, [Store.Sweep] does it, on
// several nodes at once if need be.
//
// So clocks should agree, as they do with NTP. A node whose clock is behind accepts a session
// for so much longer, and one whose clock is ahead ends it so much sooner and may then remove
// it for all; the same holds for the clock of a MongoDB with a TTL index. New records are
// numbered by it, too. No clock makes a session that was deleted come back.
//
// # What a crash costs
//
// Nothing that was acknowledged. The Store writes with the concern majority, whatever the
// collection it is given says: Save and Delete return when a majority of the replica set has
// the change, on a single server when its journal has it. A primary that is elected after a
// crash has it too, so a failover does not bring back a session that was ended. (An
// administrator can set writeConcernMajorityJournalDefault to false; then a crash of the
// majority at once costs what was not on disk.) While there is no majority, Save and Delete fail
// when their context ends, and the change may land later.
//
// Reads go to the primary with the concern local: they see every change that was acknowledged
// before. The exception is a primary that was cut off from the others and has not noticed, for
// up to electionTimeoutMillis; see [Options].Linearizable.
//
// # Sending twice
//
// The Store never repeats a Save that may have landed. The driver repeats a write once or, if
// the context has a deadline, until then, when the connection is lost or the primary steps down,
// unless retryWrites=false is in the URI. It does so only with a replica set or a sharded
// cluster, which recognizes the second one by its number and answers what it answered, or would
// have, to the first; so nothing happens twice there, and there is no reason to switch it off.
// It matters with servers that only say they are a replica set, such as FerretDB 1 started with
// a name for one: it takes no notice of the number. Set retryWrites=false there.
//
// # Several servers
//
// A replica set needs nothing special. In a sharded cluster, shard the collection by _id,
// hashed: every call of a request then goes to one shard, and List and ListOwner ask all.
//
// # What was tested
//
// The tests run on FerretDB 1.24, which speaks MongoDB's protocol, and not on a real MongoDB:
// what is said here of replica sets, TTL indexes, concerns and repeated writes is what
// MongoDB's manual and the driver promise. The same tests run on the server whose URL is in
// CLOAKROOM_TEST_MONGODB_URL; see internal/integration/ferret.
//
// [KV] is for documents of another form.
package mongostore
