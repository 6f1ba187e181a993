package sqlstore

// A problem is something wrong with the setup, known by an error of the database.
type problem int

const (
	noProblem problem = iota
	missingTable
	missingColumn
	missingSchema
	missingDatabase
	refusedLogin
	missingRight
	readOnly
	tableExists
)

// storeRemedies says what to do about a problem with the table of a Store.
var storeRemedies = map[problem]string{
	missingTable:    "call Migrate first, with the same Options",
	missingColumn:   "the table is not as Migrate makes it: call Migrate, or choose another Options.Table",
	missingSchema:   "create it, or set Options.Schema to one that is there",
	missingDatabase: "create the database, or correct its name in the data source name",
	refusedLogin:    "correct the user and the password in the data source name",
	missingRight:    "grant SELECT, INSERT, UPDATE and DELETE on the table to the user, and to the one who calls Migrate the right to create tables",
	readOnly:        "the database takes no writes, as a replica does: connect to the primary",
	tableExists:     "something else has made it: choose another Options.Table",
}

// kvRemedies says what to do about a problem with the table of a KV.
var kvRemedies = map[problem]string{
	missingTable:    "correct KVOptions.Schema and KVOptions.Table, or create the table",
	missingColumn:   "correct the columns in KVOptions",
	missingSchema:   "correct KVOptions.Schema",
	missingDatabase: storeRemedies[missingDatabase],
	refusedLogin:    storeRemedies[refusedLogin],
	missingRight:    "grant SELECT, INSERT, UPDATE and DELETE on the table to the user",
	readOnly:        storeRemedies[readOnly],
}
