package mongostore

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/cloakroom-go/cloakroom/store"
)

// Save applies change to the record at key, in one command that the server carries out
// atomically: an insert for a Create, else an update of the fields that change. It is one
// round trip when it succeeds with Base as it is stored or without Base; else the document is
// read to say why not, and the update is sent again if another writer was the reason.
//
// Its errors are those of [store.Store] and [store.Apply], and [store.ErrMalformed] as for
// [Store.Load]. A record that would be larger than a document of MongoDB can be is an error
// with both sizes, and nothing is written. Every other error is an outage, after which the
// change may have landed; Save never sends such a change again. The driver may, to a server
// that recognizes the second one: see the package comment.
func (s *Store) Save(ctx context.Context, key string, change store.Change) (version uint64, err error) {
	err = ctx.Err()
	switch {
	case err != nil:
	case change.Create:
		version, err = s.create(ctx, key, change)
	default:
		version, err = s.edit(ctx, key, change)
	}
	if err != nil {
		return 0, fmt.Errorf("mongostore: save: %w", err)
	}
	return version, nil
}

// tries bounds how often a Save looks why the server has changed nothing and finds no reason.
// Each time it may have been another writer who came between; so often, it is the collection.
const tries = 10

var errUnsettled = fmt.Errorf("in %d tries the server has changed nothing, and what is there gives no reason: use a collection without a collation and without unique indexes", tries)

func (s *Store) create(ctx context.Context, key string, change store.Change) (version uint64, err error) {
	rec, err := store.Apply(store.Record{}, false, change)
	if errors.Is(err, store.ErrConflict) {
		found, problem := find(ctx, s.coll, key, projection(nil))
		switch {
		case problem != nil:
			return 0, problem
		case found.live:
			return 0, store.ErrExists
		}
	}
	if err != nil {
		return 0, err
	}
	var taken error
	for range tries {
		doc, err := encode(key, rec)
		if err != nil {
			return 0, err
		}
		_, taken = s.coll.InsertOne(ctx, doc)
		if !mongo.IsDuplicateKeyError(taken) {
			return rec.Version, outage(ctx, taken)
		}
		old, err := find(ctx, s.coll, key, projection(nil))
		switch {
		case err != nil:
			return 0, err
		case old.live:
			return 0, store.ErrExists
		case !old.found:
			continue // it was removed meanwhile
		}
		rec.Version = max(rec.Version, old.rec.Version+1)
		if doc, err = encode(key, rec); err != nil {
			return 0, err
		}
		over := bson.D{{Key: "_id", Value: key}, {Key: "version", Value: int64(old.rec.Version)}}
		done, err := s.coll.ReplaceOne(ctx, over, doc)
		if err != nil || done.MatchedCount == 1 {
			return rec.Version, outage(ctx, err)
		}
	}
	return 0, fmt.Errorf("%w: %w", errUnsettled, taken)
}
