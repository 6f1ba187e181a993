package postgres_test

import (
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/integration/sqlchecks"
)

func TestTheSchemaIsTheOneThatTheDocumentationShows(t *testing.T) {
	_, db := postgres.New(t)
	for query, want := range map[string]string{
		`SELECT string_agg(concat_ws(' ', column_name, data_type, collation_name, CASE is_nullable WHEN 'NO' THEN 'NOT NULL' END), ', ' ORDER BY ordinal_position)
			FROM information_schema.columns WHERE table_name = 'cloakroom_sessions'`: `key text C NOT NULL, version bigint NOT NULL, owner text C NOT NULL, expires bigint NOT NULL, fields text NOT NULL`,
		`SELECT string_agg(indexdef, E'\n' ORDER BY indexname) FROM pg_indexes WHERE tablename = 'cloakroom_sessions'`: `CREATE INDEX cloakroom_sessions_expires_idx ON public.cloakroom_sessions USING btree (expires)
CREATE INDEX cloakroom_sessions_owner_key_idx ON public.cloakroom_sessions USING btree (owner, key) WHERE (owner <> ''::text)
CREATE UNIQUE INDEX cloakroom_sessions_pkey ON public.cloakroom_sessions USING btree (key)`,
		`SELECT concat(reloptions, relpersistence) FROM pg_class WHERE relname = 'cloakroom_sessions'`: `{fillfactor=85}p`,
		`SELECT string_agg(concat_ws(' ', column_name, data_type, collation_name, is_nullable), ', ' ORDER BY ordinal_position)
			FROM information_schema.columns WHERE table_name = 'cloakroom_schema'`: `name text C NO, version integer NO`,
		`SELECT name || ' ' || version FROM cloakroom_schema`: `cloakroom_sessions 1`,
	} {
		if got := sqlchecks.One[string](t, postgres, db, query); got != want {
			t.Errorf("%s\ngot\n%s\nwant\n%s", query, got, want)
		}
	}
}

// What the package comment says about the shell.
func TestARowIsReadableInTheShell(t *testing.T) {
	s, db := postgres.New(t)
	sqlchecks.Create(t, s, "k", "u1", "visits", "17", "cart", `[ {"id" : 1.50e+3} ]`)
	got := sqlchecks.One[string](t, postgres, db, `SELECT concat_ws(' ', key, owner, to_timestamp(expires / 1000.0) > now() + interval '59 minutes',
		fields::json ->> 'visits', fields::json -> 'cart' -> 0 ->> 'id') FROM cloakroom_sessions`)
	if want := "k u1 t 17 1.50e+3"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
