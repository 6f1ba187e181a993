package sqlite_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// Whatever the Store sends to the database, it must not walk the table.
func TestEveryStatementUsesAnIndex(t *testing.T) {
	db, tr := openTraced(t, dsn(tempFile(t), "normal"))
	s := open(t, db)
	tr.statements = nil
	owner := "u1"
	ctx := t.Context()
	create(t, s, "k", "")
	for i, change := range []store.Change{
		{Set: fields(t, "a", "1")}, {ExpiresAt: time.Now().Add(time.Minute)}, {Owner: &owner}, {Set: fields(t, "b", "1")},
	} {
		if _, err := s.Save(ctx, "k", change); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, err := s.Load(ctx, "k"); err != nil {
		t.Fatal(err)
	}
	for _, err := range s.List(ctx) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range s.ListOwner(ctx, owner) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Sweep(ctx, 10); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, "k"); err != nil {
		t.Fatal(err)
	}

	plans := map[string]string{} // of the statements, by their first words
	for _, text := range tr.statements {
		plan := explain(t, db, text)
		plans[text] = plan
		if plan == "" && !strings.Contains(text, "WHERE 0") && !strings.HasPrefix(text, "INSERT") {
			t.Errorf("no plan for %s", text)
		}
		if strings.Contains(plan, "SCAN") || strings.Contains(plan, "TEMP B-TREE") {
			if !strings.Contains(text, "WHERE 0") {
				t.Errorf("%s\nwalks or sorts: %s", text, plan)
			}
		}
	}
	if len(plans) != 11 {
		t.Errorf("%d statements were seen, want 11", len(plans))
	}
	for _, want := range []struct{ begin, plan string }{
		{"SELECT version", "SEARCH cloakroom_sessions USING INDEX sqlite_autoindex_cloakroom_sessions_1 (key=?)"},
		{`SELECT "key" FROM "cloakroom_sessions" WHERE owner`, "SEARCH cloakroom_sessions USING INDEX cloakroom_sessions_owner (owner=? AND key>?)"},
		{`SELECT "key" FROM "cloakroom_sessions" WHERE "key"`, "SEARCH cloakroom_sessions USING INDEX sqlite_autoindex_cloakroom_sessions_1 (key>?)"},
		{"DELETE FROM \"cloakroom_sessions\" WHERE rowid", "SEARCH cloakroom_sessions USING COVERING INDEX cloakroom_sessions_expires (expires<?)"},
	} {
		found := false
		for text, plan := range plans {
			if strings.HasPrefix(text, want.begin) {
				found = true
				if !strings.Contains(plan, want.plan) {
					t.Errorf("%s\nplan %s\nwant %s", text, plan, want.plan)
				}
			}
		}
		if !found {
			t.Errorf("no statement begins with %s", want.begin)
		}
	}
}

// explain returns the plan of a statement, one step after the other.
func explain(t *testing.T, db *sql.DB, text string) string {
	t.Helper()
	args := make([]any, strings.Count(text, "?"))
	for i := range args {
		args[i] = 1
	}
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "; ")
}
