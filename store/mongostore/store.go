package mongostore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/cloakroom-go/cloakroom/store"
)

// Options are the settings of a Store that have a default.
type Options struct {
	// Linearizable makes Load and LoadFields ask a majority of the replica set whether the
	// primary still is one, at the price of a round trip between its members. Without it, a
	// primary that was cut off from the others answers with what it last knew until it
	// notices, so that a session that was ended on its successor can open once more. That is
	// for electionTimeoutMillis, 10 seconds as MongoDB comes. While there is no majority,
	// such loads fail when their context ends. Defaults to false.
	Linearizable bool
}

// Store keeps sessions in one collection. It is a [store.Store], and a [store.FieldLoader],
// [store.Lister], [store.OwnerLister], [store.Sweeper] and [store.Pinger]. It is safe for
// concurrent use.
type Store struct {
	coll  *mongo.Collection // for writes, and for reads that are no Load
	loads *mongo.Collection
}

var (
	_ store.Store       = (*Store)(nil)
	_ store.FieldLoader = (*Store)(nil)
	_ store.Lister      = (*Store)(nil)
	_ store.OwnerLister = (*Store)(nil)
	_ store.Sweeper     = (*Store)(nil)
	_ store.Pinger      = (*Store)(nil)
)

// New returns a Store in coll, whose client stays the caller's: to configure and, when the last
// call of the Store has returned, to disconnect. options may be nil. New does not touch the
// server; call [Store.Migrate] before the first use. It is an error when coll is nil.
//
// Whatever coll says, the Store writes with the concern majority and reads from the primary:
// with less, a failover could lose what was acknowledged, and bring back a session that was
// ended.
func New(coll *mongo.Collection, options *Options) (*Store, error) {
	if coll == nil {
		return nil, errors.New("mongostore: coll is nil: connect with mongo.Connect and take client.Database(...).Collection(...)")
	}
	s := &Store{coll: own(coll, readconcern.Local())}
	s.loads = s.coll
	if options != nil && options.Linearizable {
		s.loads = own(coll, readconcern.Linearizable())
	}
	return s, nil
}

// own returns coll with what keeps acknowledged writes.
func own(coll *mongo.Collection, reads *readconcern.ReadConcern) *mongo.Collection {
	return coll.Clone(options.Collection().
		SetReadPreference(readpref.Primary()).
		SetReadConcern(reads).
		SetWriteConcern(writeconcern.Majority()))
}

// Load returns the live record at key, in one round trip. Its errors are [store.ErrNotFound],
// [store.ErrMalformed] with the key and what is wrong with the document, which is left as it
// is, and outages.
func (s *Store) Load(ctx context.Context, key string) (store.Record, error) {
	return s.load(ctx, key, nil)
}

// LoadFields is Load with only the named fields, which alone are sent by the server. Others
// that are malformed go unnoticed.
func (s *Store) LoadFields(ctx context.Context, key string, names ...string) (store.Record, error) {
	return s.load(ctx, key, projection(names))
}

func (s *Store) load(ctx context.Context, key string, fields bson.D) (store.Record, error) {
	found, err := find(ctx, s.loads, key, fields)
	if err == nil && !found.live {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Record{}, fmt.Errorf("mongostore: load: %w", err)
	}
	return found.rec, nil
}

// find reads what is at key, also when it has expired. fields is nil for all of it.
func find(ctx context.Context, coll *mongo.Collection, key string, fields bson.D) (stored, error) {
	if err := ctx.Err(); err != nil {
		return stored{}, err
	}
	// Nothing in the filter but the key: what has expired is told from what is malformed here.
	opts := options.FindOne()
	if fields != nil {
		opts.SetProjection(fields)
	}
	doc, err := coll.FindOne(ctx, bson.D{{Key: "_id", Value: key}}, opts).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return stored{}, nil
	}
	if err != nil {
		return stored{}, outage(ctx, err)
	}
	found, err := decode(doc, time.Now())
	if err != nil {
		err = fmt.Errorf("the document with the _id %q in %s.%s: %w", key, coll.Database().Name(), coll.Name(), err)
	}
	return found, err
}

// projection asks for the named fields and what is not a field.
func projection(names []string) bson.D {
	// No field has the key "%"; asking for it makes the answer say that fields is an object.
	p := bson.D{{Key: "_id", Value: 0}, {Key: "version", Value: 1}, {Key: "owner", Value: 1}, {Key: "expires", Value: 1}, {Key: "fields.%", Value: 1}}
	asked := make(map[string]bool, len(names))
	for _, name := range names {
		if possible(name) && !asked[name] {
			asked[name] = true
			p = append(p, bson.E{Key: "fields." + escape(name), Value: 1})
		}
	}
	return p
}

// Delete removes the document at key, also one that [Store.Load] finds malformed. A missing
// one is not an error; every error is an outage.
func (s *Store) Delete(ctx context.Context, key string) error {
	err := ctx.Err()
	if err == nil {
		_, err = s.coll.DeleteOne(ctx, bson.D{{Key: "_id", Value: key}})
	}
	if err != nil {
		return fmt.Errorf("mongostore: delete: %w", outage(ctx, err))
	}
	return nil
}

// Ping asks for a record that is not there: it returns nil when the server would answer a Load
// now, else the outage.
func (s *Store) Ping(ctx context.Context) error {
	_, err := find(ctx, s.loads, "", projection(nil))
	if err != nil && !errors.Is(err, store.ErrMalformed) {
		return fmt.Errorf("mongostore: ping: %w", err)
	}
	return nil
}

// outage makes err, which may be nil, say that ctx has ended: not all errors of the driver do.
func outage(ctx context.Context, err error) error {
	if end := ctx.Err(); err != nil && end != nil && !errors.Is(err, end) {
		return fmt.Errorf("%w: %w", end, err)
	}
	return err
}
