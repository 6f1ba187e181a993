package storetest

// contract holds the rules as the comments of package store state them, by the name of
// the interface or method and the number there; without a number it is the sentence
// that comes before the rules. A test compares the two word for word.
var contract = map[string]string{
	"Store 1": "A Store is safe for concurrent use.",
	"Store 2": "A key is 1 to 256 bytes of valid UTF-8 without NUL; two keys that differ in any byte are two records.",
	"Store 3": "A record is live until its ExpiresAt, judged by the store's own clock. What is not live does not exist for Load and Save, swept or not.",
	"Store 4": "When ctx ends, a call returns soon with an error that wraps ctx.Err(). With a ctx that has ended before the call, nothing is changed.",
	"Store 5": "An error that is not one of this package's is an outage. A store never repeats a Save that may have landed.",

	"Load 1": "No live record: ErrNotFound.",
	"Load 2": "Bytes that are no record: ErrMalformed, and they are left as they are.",
	"Load 3": "Owner and Fields are what was saved, to the byte. ExpiresAt is kept to the millisecond and never later than asked for.",
	"Load 4": "The Record is a snapshot: no later Save shows in it.",
	"Load 5": "A Save that has returned is seen by every Load that begins after it.",

	"Save":   "Save applies change to the record at key in one atomic step, as Apply defines it, and returns the new version.",
	"Save 1": "Without Create the record must be live, else ErrNotFound. Save never revives a record that was deleted or has expired.",
	"Save 2": "With Create the key must be free of a live record, else ErrExists. What an expired record held is gone.",
	"Save 3": "Each Condition must hold, else ErrConflict and nothing changes. A missing record is ErrNotFound, whatever the conditions say.",
	"Save 4": "Unset comes before Set. Fields that are not named stay as they are, whoever wrote them.",
	"Save 5": "A nil Owner and a zero ExpiresAt keep what is there. An ExpiresAt in the past ends the record.",
	"Save 6": "The version is never 0 and strictly increases, also over a Delete and a new Create of the same key.",
	"Save 7": "Base is a hint: the answer is the same with a stale, a foreign or no Base.",
	"Save 8": "When Save has returned, nothing of change is kept that the caller may alter.",
	"Save 9": "When Save fails with one of this package's errors, nothing was changed. After any other error it may have landed, wholly or not at all.",

	"Delete 1": "A missing record is not an error.",
	"Delete 2": "After Delete has returned, neither Load nor a Save without Create finds the record, also a Save that began earlier.",

	"LoadFields 1": "Version, Owner and ExpiresAt are those of the record, read in the same step.",
	"LoadFields 2": "A name that the record lacks is left out; a name given twice counts once.",
	"LoadFields 3": "Errors are those of Load.",

	"List":   "List yields the key of every live record.",
	"List 1": `Keys that begin with "$" are skipped: they are the manager's own records.`,
	"List 2": "A record that is live from before the walk to its end is yielded exactly once. One that comes or goes meanwhile may be yielded or not, never twice.",
	"List 3": "The walk is paged: memory does not grow with the number of records, and no lock is held while the caller's code runs.",
	"List 4": "An error is yielded once, with an empty key, and ends the walk.",

	"ListOwner":   "ListOwner yields the key of every live record that belongs to owner.",
	"ListOwner 1": "The index knows a record before the Save that gave it to owner has returned.",
	"ListOwner 2": "A record of another owner, or one that has ended, is not yielded.",
	"ListOwner 3": `Keys that begin with "$" are skipped, and "" is nobody: it has no records.`,
	"ListOwner 4": "An error is yielded once, with an empty key, and ends the walk.",
	"ListOwner 5": "No lock is held while the caller's code runs: it may delete what it is given.",

	"Sweep":   "Sweep removes at most limit expired records and returns how many. Fewer than limit means that no more were due.",
	"Sweep 1": "It never removes a live record, also one that is being extended meanwhile.",
	"Sweep 2": "It is safe on several nodes at once.",
	"Sweep 3": "Answers do not depend on it: expired records do not exist, swept or not.",

	"Ping": "Ping returns nil when the store would answer a Load now.",
}
