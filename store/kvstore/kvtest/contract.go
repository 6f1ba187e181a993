package kvtest

// contract holds the rules as the comments of package kvstore state them, by the name of the
// interface or method and the number there. A test compares the two word for word.
var contract = map[string]string{
	"KV 1": "A KV is safe for concurrent use.",
	"KV 2": "An entry is live until its ExpiresAt, judged by the KV's own clock. What is not live does not exist for Get and CompareAndSwap, removed or not.",
	"KV 3": "A CompareAndSwap or Delete that has returned is seen by every Get that begins after it.",
	"KV 4": "When ctx ends, a call returns soon with an error that wraps ctx.Err(). With a ctx that has ended before the call, nothing is changed.",
	"KV 5": "An error that no rule here names is an outage. A KV never repeats a CompareAndSwap that may have landed.",
	"KV 6": "A key is what it is in package store: 1 to 256 bytes of valid UTF-8 without NUL, and two keys that differ in any byte are two entries. A KV that takes fewer says so in its comment, and refuses the others with an error before it does anything.",

	"Get 1": "No live entry: store.ErrNotFound.",
	"Get 2": "Value is what was put there, to the byte.",
	"Get 3": "ExpiresAt is never later than asked for, and as exact as the server keeps it. It is zero when there is none, or when the server does not tell.",

	"CompareAndSwap 1": "With old nil there must be no live entry at key, else store.ErrConflict. What an expired entry held is gone.",
	"CompareAndSwap 2": "With old given there must be a live entry with the bytes of old.Value, else ErrConflict. A KV that counts its changes may compare old.Revision instead, when that is not 0.",
	"CompareAndSwap 3": "When CompareAndSwap fails with ErrConflict, nothing was changed. After an outage it may have landed, wholly or not at all.",
	"CompareAndSwap 4": "A next whose ExpiresAt has come is an end: the answer is the same as for any other next, and when it is nil there is no live entry any more.",

	"Delete 1": "A missing entry is not an error.",
	"Delete 2": "After Delete has returned, neither Get nor a CompareAndSwap with an old Entry finds one, also one that began earlier.",
}
