package sqlchecks

import (
	"database/sql"
	"testing"

	"github.com/cloakroom-go/cloakroom/store/kvstore/kvtest"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// A KVTable is a table of somebody else's. Its columns are id, body, and ends where it has one
// for the end.
type KVTable struct {
	Name, Columns string
	Expires       sqlstore.Expiry
	Options       sqlstore.KVOptions // the rest
}

// NewKV makes a table and returns a KV over it.
func (k *Kind) NewKV(t testing.TB, db *sql.DB, table KVTable) *sqlstore.KV {
	t.Helper()
	k.Exec(t, db, "CREATE TABLE "+table.Name+" ("+table.Columns+")")
	options := table.Options
	options.Table, options.Key, options.Value = table.Name, "id", "body"
	if options.ExpiresAs = table.Expires; table.Expires != sqlstore.NoExpiry {
		options.Expires = "ends"
	}
	kv, err := sqlstore.NewKV(db, k.Dialect(), options)
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

// KVConformance runs the examiner of KVs over each table. Columns of text cannot keep what is
// no text, and a table without ends cannot keep any, so rules that need it are left out.
func (k *Kind) KVConformance(t *testing.T, tables ...KVTable) {
	for _, table := range tables {
		t.Run(table.Name, func(t *testing.T) {
			t.Parallel()
			db, _ := k.Open(t)
			kv := k.NewKV(t, db, table)
			for _, rule := range kvtest.Rules() {
				if !table.Options.Binary && rule.Name == "Get-2-values" {
					continue
				}
				t.Run(rule.Name, func(t *testing.T) {
					if err := rule.Check(t.Context(), kv); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}
