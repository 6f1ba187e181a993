package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/cloakroom-go/cloakroom/internal/integration/sqlchecks"
	"github.com/cloakroom-go/cloakroom/store"
)

// trace records the texts of statements.
type trace struct {
	mu    sync.Mutex
	texts map[string]bool
}

func (tr *trace) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.texts[data.SQL] = true
	return ctx
}

func (tr *trace) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// Whatever a Store sends to the database, it must not walk or sort the table.
func TestEveryStatementUsesAnIndex(t *testing.T) {
	plain, name := postgres.Open(t)
	config, err := pgx.ParseConfig(name)
	if err != nil {
		t.Fatal(err)
	}
	tr := &trace{texts: map[string]bool{}}
	config.Tracer = tr
	db := stdlib.OpenDB(*config)
	t.Cleanup(func() { db.Close() })
	s := postgres.Store(t, db, nil)
	postgres.Exec(t, plain, `INSERT INTO cloakroom_sessions
		SELECT md5(i::text), 1, CASE WHEN i % 3 = 0 THEN '' ELSE 'u' || i % 50 END, extract(epoch FROM now()) * 1000 + (i % 10 - 1) * 100000, '{"a":1}'
		FROM generate_series(1, 20000) i`)
	postgres.Exec(t, plain, `ANALYZE cloakroom_sessions`)
	clear(tr.texts)
	postgres.EveryStatement(t, s)

	const key, owner, expires = "cloakroom_sessions_pkey", "cloakroom_sessions_owner_key_idx", "cloakroom_sessions_expires_idx"
	wants := map[string]string{ // the index for the statements that begin so
		`SELECT version, owner, expires, fields FROM "cloakroom_sessions" WHERE "key" = $1`: key,
		`SELECT "key" FROM "cloakroom_sessions" WHERE "key" > $1`:                           key,
		`SELECT "key" FROM "cloakroom_sessions" WHERE owner = $1`:                           owner,
		`UPDATE "cloakroom_sessions" SET version = $1, fields = $2 WHERE`:                   key,
		`UPDATE "cloakroom_sessions" SET version = $1, fields = $2, expires = $3 WHERE`:     key,
		`UPDATE "cloakroom_sessions" SET version = $1, fields = $2, expires = $3, owner`:    key,
		`DELETE FROM "cloakroom_sessions" WHERE "key" = $1`:                                 key,
		`DELETE FROM "cloakroom_sessions" WHERE ctid = ANY`:                                 expires,
		`INSERT INTO "cloakroom_sessions"`:                                                  key,
	}
	found := map[string]bool{}
	held := false
	for text := range tr.texts {
		begin := slices.IndexFunc(slices.Collect(maps.Keys(wants)), func(begin string) bool { return strings.HasPrefix(text, begin) })
		if begin < 0 {
			if strings.HasPrefix(text, "begin") || text == "commit" || text == "rollback" {
				continue
			}
			t.Errorf("unexpected: %s", text)
			continue
		}
		held = held || strings.HasSuffix(text, "FOR UPDATE")
		for begin, index := range wants {
			if !strings.HasPrefix(text, begin) {
				continue
			}
			found[begin] = true
			plan := explain(t, plain, text)
			if !strings.Contains(plan, index) || strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Sort") {
				t.Errorf("%s\nis to use %s, and its plan is\n%s", text, index, plan)
			}
		}
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

// explain returns the plan that does for all values of the parameters.
func explain(t *testing.T, db *sql.DB, text string) string {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	nulls := strings.TrimSuffix(strings.Repeat("NULL, ", strings.Count(text, "$")), ", ")
	if strings.Contains(text, "'$'") {
		nulls = strings.TrimSuffix(nulls, ", NULL")
	}
	for _, step := range []string{`SET plan_cache_mode = force_generic_plan`, `PREPARE planned AS ` + text} {
		if _, err := conn.ExecContext(t.Context(), step); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
	}
	rows, err := conn.QueryContext(t.Context(), fmt.Sprintf(`EXPLAIN EXECUTE planned(%s)`, nulls))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	rows.Close()
	if _, err := conn.ExecContext(t.Context(), `DEALLOCATE planned`); err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "\n")
}

// An edit finds room on its page, and so writes no index.
func TestEditsWriteNoIndex(t *testing.T) {
	s, db := postgres.New(t)
	pad := `"` + strings.Repeat("x", 800) + `"`
	for i := range 200 {
		sqlchecks.Create(t, s, fmt.Sprint("key", i), "u1", "pad", pad)
	}
	for round := range 10 {
		for i := range 200 {
			key := fmt.Sprint("key", i)
			base, err := s.Load(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			change := store.Change{Base: &base, Set: sqlchecks.Fields(t, "n", strconv.Itoa(round))}
			if _, err := s.Save(t.Context(), key, change); err != nil {
				t.Fatal(err)
			}
		}
	}
	postgres.Exec(t, db, `SELECT pg_stat_force_next_flush()`)
	updates := sqlchecks.One[int](t, postgres, db, `SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'cloakroom_sessions'`)
	hot := sqlchecks.One[int](t, postgres, db, `SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'cloakroom_sessions'`)
	t.Logf("%d of %d updates stayed on their page", hot, updates)
	if updates == 0 || hot*10 < updates*9 {
		t.Errorf("%d of %d updates stayed on their page, want nearly all", hot, updates)
	}
}
