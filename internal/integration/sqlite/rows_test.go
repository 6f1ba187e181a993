package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// dump returns the row at a key with the types of its values.
func dump(t *testing.T, db *sql.DB, key string) string {
	t.Helper()
	return one[string](t, db, `SELECT concat_ws(' ', typeof(version), quote(version), typeof(owner), quote(owner),
		typeof(expires), quote(expires), typeof(fields), quote(fields)) FROM cloakroom_sessions WHERE "key" = ?`, key)
}

func TestARowThatIsNoRecordIsReportedAndLeftAsItIs(t *testing.T) {
	db := openDB(t, dsn(tempFile(t), "normal"))
	s := open(t, db)
	far := time.Now().Add(time.Hour).UnixMilli()
	for i, row := range []struct {
		version, owner, expires, fields any
		word                            string // of the error
	}{
		{0, "", far, `{}`, "version"},
		{-5, "", far, `{}`, "version"},
		{"many", "", far, `{}`, "version"},
		{1.5, "", far, `{}`, "version"},
		{1, "", "never", `{}`, "expires"},
		{1, "", far, ``, "JSON"},
		{1, "", far, `not JSON`, "JSON"},
		{1, "", far, `null`, "object"},
		{1, "", far, `[1]`, "object"},
		{1, "", far, 7, "object"},
		{1, "", far, `{"a":1`, "JSON"},
		{1, "", far, `{"a":1,"a":2}`, "twice"},
		{1, "", far, `{"":1}`, "empty name"},
		{1, "", far, []byte{0xff, 0x00, 0x01}, "JSON"},
		{1, "", far, "{\"\xff\":1}", "UTF-8"},
	} {
		key := fmt.Sprint("key", i)
		execSQL(t, db, `INSERT INTO cloakroom_sessions ("key", version, owner, expires, fields) VALUES (?, ?, ?, ?, ?)`,
			key, row.version, row.owner, row.expires, row.fields)
		before := dump(t, db, key)
		owner := "u1"
		_, load := s.Load(t.Context(), key)
		_, save := s.Save(t.Context(), key, store.Change{Set: fields(t, "b", "2"), Owner: &owner})
		_, create := s.Save(t.Context(), key, store.Change{Create: true, ExpiresAt: time.Now().Add(time.Hour)})
		for what, err := range map[string]error{"Load": load, "Save": save, "Create": create} {
			if !errors.Is(err, store.ErrMalformed) {
				t.Errorf("%s of %s: %v, want ErrMalformed", what, before, err)
				continue
			}
			for _, word := range []string{key, "cloakroom_sessions", row.word} {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%s of %s: %q does not say %q", what, before, err, word)
				}
			}
		}
		if after := dump(t, db, key); after != before {
			t.Errorf("the row was %s and is %s", before, after)
		}
		if err := s.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete of %s: %v", before, err)
		}
		if _, err := s.Load(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("after Delete of %s: %v", before, err)
		}
	}
}

func TestARowThatIsNoRecordDoesNotDisturbItsNeighbours(t *testing.T) {
	db := openDB(t, dsn(tempFile(t), "normal"))
	s := open(t, db)
	create(t, s, "a", "u1")
	create(t, s, "b", "u1")
	create(t, s, "c", "u1")
	execSQL(t, db, `UPDATE cloakroom_sessions SET fields = 'garbage' WHERE "key" = 'b'`)
	done := make(chan error)
	for range 10 {
		for _, key := range []string{"a", "b", "c"} {
			go func() {
				_, err := s.Save(t.Context(), key, store.Change{Set: fields(t, "n", "1")})
				if key == "b" {
					if !errors.Is(err, store.ErrMalformed) {
						err = fmt.Errorf("b: %w, want ErrMalformed", err)
					} else {
						err = nil
					}
				}
				done <- err
			}()
		}
	}
	for range 30 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// What has expired does not exist, whatever it holds.
func TestAnExpiredRowMayHoldAnything(t *testing.T) {
	db := openDB(t, dsn(tempFile(t), "normal"))
	s := open(t, db)
	execSQL(t, db, `INSERT INTO cloakroom_sessions ("key", version, owner, expires, fields) VALUES ('k', 7, 'u1', 1, 'garbage')`)
	if _, err := s.Load(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if _, err := s.Save(t.Context(), "k", store.Change{}); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	create(t, s, "k", "")
	if _, err := s.Load(t.Context(), "k"); err != nil {
		t.Error(err)
	}
}

// The values that a record holds below, and how they lie in the row.
var (
	shown = []string{
		"visits", "17", "big", "9223372036854775807", "user.name", `"Zoë 🧥 \u0000 \ud800"`, "cart", `[ {"id" : 1.50e+3} ]`,
	}
	shownText = `{"big":9223372036854775807,"cart":[ {"id" : 1.50e+3} ],"user.name":"Zoë 🧥 \u0000 \ud800","visits":17}`
)

func TestARowKeepsValuesToTheByteAndIsJSONToTheDatabase(t *testing.T) {
	db := openDB(t, dsn(tempFile(t), "full"))
	s := open(t, db)
	create(t, s, "k", "u1", shown...)
	rec, err := s.Load(t.Context(), "k")
	if err != nil || rec.Fields != fields(t, shown...) {
		t.Errorf("%+v, %v", rec, err)
	}
	if text := one[string](t, db, `SELECT fields FROM cloakroom_sessions`); text != shownText {
		t.Errorf("stored\n%s\nwant\n%s", text, shownText)
	}
	got := one[string](t, db, `SELECT concat_ws(' ', typeof(fields), json_valid(fields), fields ->> '$.visits', json_extract(fields, '$.cart[0].id'), "key", owner, version = ?, expires = ?)
		FROM cloakroom_sessions`, int64(rec.Version), rec.ExpiresAt.UnixMilli())
	if want := "text 1 17 1500.0 k u1 1 1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestARowIsReadableInTheShell(t *testing.T) {
	shell, err := exec.LookPath("sqlite3")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the sqlite3 shell is not installed: apt-get install sqlite3")
		}
		t.Skip("the sqlite3 shell is not installed: apt-get install sqlite3")
	}
	path := tempFile(t)
	s := open(t, openDB(t, dsn(path, "full")))
	create(t, s, "k", "u1", shown...)
	for query, want := range map[string]string{
		`SELECT "key", owner, json_valid(fields), json_extract(fields, '$.visits') FROM cloakroom_sessions`: "k|u1|1|17",
		`SELECT fields FROM cloakroom_sessions`: shownText,
		`PRAGMA integrity_check`:                "ok",
	} {
		out, err := exec.CommandContext(t.Context(), shell, path, query).CombinedOutput()
		if got := strings.TrimSuffix(string(out), "\n"); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", query, got, err, want)
		}
	}
}
