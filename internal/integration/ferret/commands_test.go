package ferret_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
	"github.com/cloakroom-go/cloakroom/store/mongostore"
)

// A recorder keeps the commands that a client has sent.
type recorder struct {
	mu       sync.Mutex
	commands []bson.Raw
}

func (r *recorder) option() *options.ClientOptions {
	return options.Client().SetMonitor(&event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.commands = append(r.commands, slices.Clone(e.Command))
	}})
}

// take returns what was sent since it was called last.
func (r *recorder) take() []bson.Raw {
	r.mu.Lock()
	defer r.mu.Unlock()
	commands := r.commands
	r.commands = nil
	return commands
}

func name(command bson.Raw) string { return command.Index(0).Key() }

func names(commands []bson.Raw) string {
	var list []string
	for _, c := range commands {
		list = append(list, name(c))
	}
	return strings.Join(list, " ")
}

func TestCallsCostAsManyCommandsAsTheySay(t *testing.T) {
	var sent recorder
	s := open(t, collection(t, connect(t, server(t).URL(), sent.option())), nil)
	big := `"` + strings.Repeat("x", 8<<10) + `"`
	pairs := []string{"n", "1"}
	for _, name := range strings.Split("abcdefgh", "") {
		pairs = append(pairs, name, big)
	}
	costs := func(want string, most int, call func() error) {
		t.Helper()
		sent.take()
		if err := call(); err != nil {
			t.Fatal(err)
		}
		commands := sent.take()
		if got := names(commands); got != want {
			t.Errorf("the commands are %s, want %s", got, want)
		}
		size := 0
		for _, c := range commands {
			size += len(c)
		}
		if size > most {
			t.Errorf("%s: %d bytes were sent, want %d at most", want, size, most)
		}
		t.Logf("%s: %d bytes", want, size)
	}
	ctx := t.Context()
	save := func(key string, c store.Change) func() error {
		return func() error { _, err := s.Save(ctx, key, c); return err }
	}
	costs("insert", 68<<10, save("k", creation(t, pairs...)))
	costs("find", 512, func() error { _, err := s.Load(ctx, "k"); return err })
	costs("find", 512, func() error { _, err := s.LoadFields(ctx, "k", "n"); return err })
	base := load(t, s, "k")
	change := store.Change{Base: &base, If: []store.Condition{{Name: "n", Value: "1"}}, Set: fieldsOf(t, "n", "2")}
	costs("update", 1<<10, save("k", change))
	change = store.Change{If: []store.Condition{{Name: "n", Value: "2"}}, Set: fieldsOf(t, "n", "3")}
	if server(t).Given() {
		costs("findAndModify", 1<<10, save("k", change))
	} else { // FerretDB refuses to answer with a part of a document
		costs("findAndModify findAndModify", 2<<10, save("k", change))
	}
	costs("delete", 512, func() error { return s.Delete(ctx, "k") })
	costs("find", 512, func() error { return s.Ping(ctx) })
}

// Whatever the collection says, and the client that it comes from.
func TestWritesAreForAMajorityAndReadsFromThePrimary(t *testing.T) {
	var sent recorder
	weak := options.Collection().
		SetWriteConcern(writeconcern.Unacknowledged()).
		SetReadConcern(readconcern.Available()).
		SetReadPreference(readpref.SecondaryPreferred())
	coll := collection(t, connect(t, server(t).URL(), sent.option())).Clone(weak)
	owner := "u"
	for _, tc := range []struct {
		options *mongostore.Options
		reads   string
	}{{nil, "local"}, {&mongostore.Options{Linearizable: true}, "linearizable"}} {
		s := open(t, coll, tc.options)
		sent.take()
		c := creation(t, "a", "1")
		c.Owner = &owner
		save(t, s, "k", c)
		rec := load(t, s, "k")
		if _, err := s.LoadFields(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		if err := s.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		loads := sent.take()
		save(t, s, "k", store.Change{Base: &rec})
		save(t, s, "k", store.Change{})
		for range s.List(t.Context()) {
		}
		for range s.ListOwner(t.Context(), owner) {
		}
		save(t, s, "k", store.Change{ExpiresAt: rec.ExpiresAt.AddDate(-1, 0, 0)})
		save(t, s, "k", c)
		save(t, s, "k", store.Change{ExpiresAt: rec.ExpiresAt.AddDate(-1, 0, 0)})
		if n, err := s.Sweep(t.Context(), 10); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if err := s.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		check := func(commands []bson.Raw, reads string) {
			for _, c := range commands {
				write, read := text(c, "writeConcern", "w"), text(c, "readConcern", "level")
				if name(c) == "find" && read != reads || name(c) != "find" && write != "majority" {
					t.Errorf("%s has the write concern %q and the read concern %q, want majority for a write and %s for a read", name(c), write, read, reads)
				}
				if text(c, "$readPreference", "mode") == "secondaryPreferred" {
					t.Errorf("%s may go to a secondary: %s", name(c), c)
				}
			}
		}
		check(loads, tc.reads)
		commands := sent.take()
		check(commands, "local")
		for _, want := range []string{"insert", "update", "findAndModify", "find", "delete"} {
			if !strings.Contains(names(commands)+names(loads), want) {
				t.Errorf("no %s was sent", want)
			}
		}
	}

	kv := openKV(t, coll, nil)
	sent.take()
	if err := kv.CompareAndSwap(t.Context(), "kv", nil, kvEntry("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Get(t.Context(), "kv"); err != nil {
		t.Fatal(err)
	}
	if err := kv.Delete(t.Context(), "kv"); err != nil {
		t.Fatal(err)
	}
	for _, c := range sent.take() {
		if text(c, "writeConcern", "w") != "majority" && text(c, "readConcern", "level") != "local" || text(c, "$readPreference", "mode") == "secondaryPreferred" {
			t.Errorf("a KV sends %s", c)
		}
	}
}

// text returns the string at path in a command, or "".
func text(command bson.Raw, path ...string) string {
	s, _ := command.Lookup(path...).StringValueOK()
	return s
}

func kvEntry(value string) kvstore.Entry { return kvstore.Entry{Value: value} }

// The server has to keep to itself all of a record but the version.
func TestAnEditWithoutABaseAsksForTheVersionOnly(t *testing.T) {
	var sent recorder
	s := open(t, collection(t, connect(t, server(t).URL(), sent.option())), nil)
	save(t, s, "k", creation(t, "a", "1"))
	sent.take()
	save(t, s, "k", store.Change{})
	for i, c := range sent.take() {
		fields, ok := c.Lookup("fields").DocumentOK()
		switch {
		case i == 0 && (!ok || fields.Lookup("version").AsInt64() != 1 || len(fields) > 40):
			t.Errorf("the first command asks for %v", fields)
		case i > 0 && server(t).Given():
			t.Errorf("it was sent again: %s", c)
		}
	}
}
