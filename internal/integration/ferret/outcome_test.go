package ferret_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/cloakroom-go/cloakroom/internal/integration/proxy"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/mongostore"
)

// What was done though the answer was lost is told as an outage, and sent once.
func TestALostAnswerIsAnOutageAndTheChangeIsSentOnce(t *testing.T) {
	var sent recorder
	p := proxy.New(t, server(t).Addr())
	name := collection(t, connect(t, server(t).URL())).Database().Name()
	client := connect(t, "mongodb://"+p.Addr()+"/?directConnection=true", sent.option())
	coll := client.Database(name).Collection("sessions")
	s, kv := open(t, coll, nil), openKV(t, client.Database(name).Collection("entries"), nil)
	save(t, s, "k", creation(t, "n", "0"))
	base := load(t, s, "k")
	if err := kv.CompareAndSwap(t.Context(), "k", nil, kvEntry("a")); err != nil {
		t.Fatal(err)
	}
	lose := func(marker, command string, call func() error) {
		t.Helper()
		if err := s.Ping(t.Context()); err != nil { // the driver has connected again
			t.Fatal(err)
		}
		sent.take()
		lost := p.CutAfterRequest(1, marker)
		err := call()
		<-lost
		if err == nil || isAnswer(err) {
			t.Errorf("%s: %v", command, err)
		}
		if got := names(sent.take()); got != command {
			t.Errorf("%s: the commands are %s", command, got)
		}
	}
	lose("marked-1", "update", func() error {
		_, err := s.Save(t.Context(), "k", store.Change{Base: &base, Set: fieldsOf(t, "n", `"marked-1"`)})
		return err
	})
	if rec := load(t, s, "k"); rec.Version != base.Version+1 || rec.Fields != fieldsOf(t, "n", `"marked-1"`) {
		t.Errorf("after an edit whose answer was lost: %+v", rec)
	}
	lose("marked-2", "insert", func() error {
		_, err := s.Save(t.Context(), "new", creation(t, "n", `"marked-2"`))
		return err
	})
	load(t, s, "new")
	lose("marked-3", "update", func() error {
		old := kvEntry("a")
		return kv.CompareAndSwap(t.Context(), "k", &old, kvEntry("marked-3"))
	})
	if e, err := kv.Get(t.Context(), "k"); err != nil || e.Value != "marked-3" {
		t.Errorf("after a CompareAndSwap whose answer was lost: %+v, %v", e, err)
	}
	lose("delete", "delete", func() error { return s.Delete(t.Context(), "k") })
	if _, err := s.Load(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after a Delete whose answer was lost: %v", err)
	}
}

// fail has the server fail a command the next time. A given server may not know how.
func fail(t *testing.T, client *mongo.Client, command string, how bson.E) {
	t.Helper()
	times := 1
	if command == "findAndModify" && !server(t).Given() {
		times = 2 // FerretDB is asked once more, without a projection
	}
	err := client.Database("admin").RunCommand(t.Context(), bson.D{
		{Key: "configureFailPoint", Value: "failCommand"},
		{Key: "mode", Value: bson.D{{Key: "times", Value: times}}},
		{Key: "data", Value: bson.D{{Key: "failCommands", Value: bson.A{command}}, how}},
	}).Err()
	if err != nil && server(t).Given() {
		t.Skip("start mongod with --setParameter enableTestCommands=1: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A change that landed on the primary and not yet on a majority can be undone by a failover.
func TestAChangeWithoutAMajorityIsAnOutage(t *testing.T) {
	client := connect(t, server(t).URL())
	s := open(t, collection(t, client), nil)
	doubt := bson.E{Key: "writeConcernError", Value: bson.D{{Key: "code", Value: 64}, {Key: "errmsg", Value: "waiting for replication timed out"}}}
	save(t, s, "k", creation(t, "n", "0"))
	base := load(t, s, "k")
	for command, call := range map[string]func() error{
		"update":        func() error { _, err := s.Save(t.Context(), "k", store.Change{Base: &base}); return err },
		"findAndModify": func() error { _, err := s.Save(t.Context(), "k", store.Change{}); return err },
		"insert":        func() error { _, err := s.Save(t.Context(), "new", creation(t)); return err },
		"delete":        func() error { return s.Delete(t.Context(), "k") },
	} {
		fail(t, client, command, doubt)
		err := call()
		if err == nil || isAnswer(err) || !strings.Contains(err.Error(), "waiting for replication") {
			t.Errorf("%s: %v", command, err)
		}
		if command == "delete" {
			save(t, s, "k", creation(t, "n", "0"))
			base = load(t, s, "k")
		} else {
			base = load(t, s, "k")
		}
	}
	load(t, s, "new")
}

// A connection that is lost before the server has begun is an outage too, and nothing is sent
// again.
func TestARequestThatIsNotTakenIsAnOutage(t *testing.T) {
	var sent recorder
	client := connect(t, server(t).URL(), sent.option())
	s := open(t, collection(t, client), nil)
	save(t, s, "k", creation(t, "n", "0"))
	fail(t, client, "update", bson.E{Key: "closeConnection", Value: true})
	base := load(t, s, "k")
	sent.take()
	if _, err := s.Save(t.Context(), "k", store.Change{Base: &base, Set: fieldsOf(t, "n", "1")}); err == nil || isAnswer(err) {
		t.Errorf("%v", err)
	}
	if got := names(sent.take()); got != "update" && !server(t).Given() { // a replica set may be asked again
		t.Errorf("the commands are %s", got)
	}
	if got := load(t, s, "k"); got.Version != base.Version || got.Fields != base.Fields {
		t.Errorf("%+v", got)
	}
}

func TestARecordThatIsTooLargeIsAnErrorWithBothSizes(t *testing.T) {
	client := connect(t, server(t).URL())
	coll := collection(t, client)
	s, kv := open(t, coll, nil), openKV(t, coll.Database().Collection("entries"), nil)
	const limit = "16777216"
	value := func(size int) string { return `"` + strings.Repeat("x", size-2) + `"` }
	refused := func(what string, err error, size string) {
		t.Helper()
		if err == nil || isAnswer(err) || !strings.Contains(err.Error(), limit) || !strings.Contains(err.Error(), size) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := s.Save(t.Context(), "new", creation(t, "a", value(16<<20)))
	refused("Create", err, "16777301")
	if _, err := s.Load(t.Context(), "new"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it was written: %v", err)
	}

	save(t, s, "k", creation(t, "a", value(9<<20)))
	before := load(t, s, "k")
	_, err = s.Save(t.Context(), "k", store.Change{Set: fieldsOf(t, "b", value(16<<20))})
	refused("Save of a value that is too large", err, "16777275")
	for _, base := range []*store.Record{nil, &before} {
		if !server(t).Given() { // FerretDB would take it
			fail(t, client, map[bool]string{true: "findAndModify", false: "update"}[base == nil], bson.E{Key: "errorCode", Value: 17419})
		}
		_, err = s.Save(t.Context(), "k", store.Change{Base: base, Set: fieldsOf(t, "b", value(9<<20))})
		refused("Save of one value too many", err, "18874459")
		if after, err := s.LoadFields(t.Context(), "k", "b"); err != nil || after.Version != before.Version || after.Fields.Len() > 0 {
			t.Errorf("it was written: version %d after %d, %v", after.Version, before.Version, err)
		}
	}

	err = kv.CompareAndSwap(t.Context(), "k", nil, kvEntry(value(16<<20)))
	refused("CompareAndSwap", err, "16777263")
	if _, err := kv.Get(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it was written: %v", err)
	}
}

// What is wrong is for the client to find out, and told by each call.
func TestAServerThatDoesNotLetIn(t *testing.T) {
	closed, _ := net.Listen("tcp", "127.0.0.1:0")
	closed.Close()
	for url, says := range map[string]string{
		"mongodb://" + closed.Addr().String() + "/?serverSelectionTimeoutMS=100":                               "connection refused",
		"mongodb://nobody:wrong@" + server(t).Addr() + "/?serverSelectionTimeoutMS=1000&directConnection=true": "auth",
	} {
		s, err := mongostore.New(connect(t, url).Database("app").Collection("sessions"), nil)
		if err != nil {
			t.Fatal(err)
		}
		for what, call := range map[string]func() error{
			"Ping":    func() error { return s.Ping(t.Context()) },
			"Load":    func() error { _, err := s.Load(t.Context(), "k"); return err },
			"Save":    func() error { _, err := s.Save(t.Context(), "k", store.Change{}); return err },
			"Create":  func() error { _, err := s.Save(t.Context(), "k", creation(t)); return err },
			"Delete":  func() error { return s.Delete(t.Context(), "k") },
			"Migrate": func() error { return s.Migrate(t.Context()) },
			"Sweep":   func() error { _, err := s.Sweep(t.Context(), 1); return err },
		} {
			err := call()
			if err == nil || isAnswer(err) || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "mongostore: ") || strings.Contains(err.Error(), "wrong@") {
				t.Errorf("%s: %v, want an error with %q", what, err, says)
			}
		}
	}
}

// Not for ever: what keeps the server from it is named.
func TestACreateThatAnIndexOfOthersForbidsIsAnOutage(t *testing.T) {
	coll := collection(t, connect(t, server(t).URL()))
	s := open(t, coll, nil)
	_, err := coll.Indexes().CreateOne(t.Context(), mongo.IndexModel{Keys: bson.D{{Key: "owner", Value: 1}}, Options: options.Index().SetUnique(true)})
	if err != nil {
		t.Fatal(err)
	}
	save(t, s, "k", creation(t))
	_, err = s.Save(t.Context(), "other", creation(t))
	if err == nil || isAnswer(err) || !strings.Contains(err.Error(), "unique") || !strings.Contains(err.Error(), "E11000") {
		t.Errorf("%v", err)
	}
}

// Whatever the driver says when a context ends while something else goes wrong.
func TestTheEndOfAContextIsInTheError(t *testing.T) {
	var end func()
	client := connect(t, server(t).URL(), options.Client().SetMonitor(&event.CommandMonitor{
		Failed: func(context.Context, *event.CommandFailedEvent) { end() },
	}))
	plain := connect(t, server(t).URL())
	db := collection(t, plain).Database().Name()
	s, err := mongostore.New(client.Database(db).Collection("sessions"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for command, call := range map[string]func(context.Context) error{
		"find":   func(ctx context.Context) error { _, err := s.Load(ctx, "k"); return err },
		"insert": func(ctx context.Context) error { _, err := s.Save(ctx, "k", creation(t)); return err },
		"delete": func(ctx context.Context) error { return s.Delete(ctx, "k") },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		end = cancel
		fail(t, plain, command, bson.E{Key: "errorCode", Value: 8}) // UnknownError
		if err := call(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "fail point") && !server(t).Given() {
			t.Errorf("%s: %v", command, err)
		}
		cancel()
	}
}
