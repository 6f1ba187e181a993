package mariadb_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/integration/sqlchecks"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// Whatever a Store sends to the database, it must not walk or sort the table.
func TestEveryStatementUsesAnIndex(t *testing.T) {
	db, _ := newDatabase(t)
	s := mariadb.Store(t, db, &sqlstore.Options{Table: "planned"})
	mariadb.Exec(t, db, `INSERT INTO planned
		SELECT md5(seq), 1, IF(seq % 3 = 0, '', concat('u', seq % 50)), unix_timestamp() * 1000 + (CAST(seq % 10 AS SIGNED) - 1) * 100000, '{"a":1}'
		FROM seq_1_to_20000`)
	mariadb.Exec(t, db, `ANALYZE TABLE planned`)
	// The server's own log knows what was sent.
	mariadb.Exec(t, db, `SET GLOBAL log_output = 'TABLE'`)
	mariadb.Exec(t, db, `SET GLOBAL general_log = ON`)
	t.Cleanup(func() { mariadb.Exec(t, open(t, shared(t).DSN()), `SET GLOBAL general_log = OFF`) })
	mariadb.EveryStatement(t, s)
	mariadb.Exec(t, db, `SET GLOBAL general_log = OFF`)

	texts := strings.Split(sqlchecks.One[string](t, mariadb, db,
		`SELECT group_concat(DISTINCT argument SEPARATOR '\n') FROM mysql.general_log WHERE command_type = 'Prepare' AND argument LIKE '%planned%' AND argument NOT LIKE '%general_log%'`), "\n")
	wants := map[string][]string{ // the index, by how the statement begins, for the steps of the plan
		"SELECT version, owner, expires, fields FROM `planned` WHERE `key` = ?": {"PRIMARY"},
		"SELECT `key` FROM `planned` WHERE `key` > ?":                           {"PRIMARY"},
		"SELECT `key` FROM `planned` WHERE owner = ?":                           {"owner"},
		"UPDATE `planned` SET version = ?, fields = ? WHERE":                    {"PRIMARY"},
		"UPDATE `planned` SET version = ?, fields = ?, expires = ? WHERE":       {"PRIMARY"},
		"UPDATE `planned` SET version = ?, fields = ?, expires = ?, owner":      {"PRIMARY"},
		"DELETE FROM `planned` WHERE `key` = ?":                                 {"PRIMARY"},
		"DELETE s FROM (SELECT `key` FROM `planned`":                            {"due", "PRIMARY", "expires"},
		"INSERT INTO `planned`":                                                 nil,
	}
	found := map[string]bool{}
	held := false
	for _, text := range texts {
		known := false
		for begin, indexes := range wants {
			if !strings.HasPrefix(text, begin) {
				continue
			}
			known, found[begin] = true, true
			if plan := explain(t, db, text); indexes != nil && fmt.Sprint(plan) != fmt.Sprint(indexes) {
				t.Errorf("%s\nuses %v, want %v", text, plan, indexes)
			}
		}
		if !known {
			t.Errorf("unexpected: %s", text)
		}
		held = held || strings.HasSuffix(text, "FOR UPDATE")
	}
	for begin := range wants {
		if !found[begin] {
			t.Errorf("no statement begins with %s", begin)
		}
	}
	if !held {
		t.Error("no row was held")
	}
}

// explain returns the index that each step of a plan uses: "due" for the rows that were found
// before, and what is wrong with a step that walks or sorts.
func explain(t *testing.T, db *sql.DB, text string) (indexes []string) {
	t.Helper()
	text = strings.ReplaceAll(strings.ReplaceAll(text, "LIMIT ?", "LIMIT 5"), "?", "'5'")
	rows, err := db.QueryContext(t.Context(), "EXPLAIN "+text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, selectType, table, kind, possible, key, length, ref, number, extra sql.NullString
		if err := rows.Scan(&id, &selectType, &table, &kind, &possible, &key, &length, &ref, &number, &extra); err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.HasPrefix(table.String, "<derived"):
			indexes = append(indexes, "due")
		case strings.Contains(extra.String, "Impossible"), extra.String == "no matching row in const table":
			indexes = append(indexes, "PRIMARY")
		case kind.String == "ALL", kind.String == "index", strings.Contains(extra.String, "filesort"):
			indexes = append(indexes, fmt.Sprintf("%s of %s (%s)", kind.String, table.String, extra.String))
		default:
			indexes = append(indexes, key.String)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return indexes
}
