package mongostore

import (
	"context"
	"fmt"
	"iter"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// page is how many keys List, ListOwner and Sweep hold at a time.
const page = 256

// List yields the keys of all live records, except those that begin with "$", in order. It
// asks for them page by page, and no cursor is open while the caller's code runs. Every error
// is an outage.
func (s *Store) List(ctx context.Context) iter.Seq2[string, error] {
	return s.walk(ctx, isRecord)
}

// ListOwner yields the keys of the live records that belong to owner, except those that begin
// with "$", in order and as List does. The owner "" has none. Every error is an outage.
func (s *Store) ListOwner(ctx context.Context, owner string) iter.Seq2[string, error] {
	if owner == "" {
		return func(func(string, error) bool) {}
	}
	return s.walk(ctx, isRecord, bson.D{{Key: "owner", Value: owner}})
}

func (s *Store) walk(ctx context.Context, filters ...bson.D) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		// The keys on both sides of those that begin with "$", which are between it and "%".
		for _, keys := range []bson.D{
			{{Key: "$gte", Value: ""}, {Key: "$lt", Value: "$"}},
			{{Key: "$gte", Value: "%"}},
		} {
			for more := true; more; {
				filter := bson.D{{Key: "_id", Value: keys}, isLive(time.Now()), all(filters...)}
				found, err := s.keys(ctx, filter, page, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
				if err != nil {
					yield("", fmt.Errorf("mongostore: list: %w", err))
					return
				}
				for _, key := range found {
					if !yield(key, nil) {
						return
					}
				}
				if more = len(found) == page; more {
					keys[0] = bson.E{Key: "$gt", Value: found[page-1]}
				}
			}
		}
	}
}

// keys returns so many keys at most of documents that match filter.
func (s *Store) keys(ctx context.Context, filter bson.D, most int, how *options.FindOptionsBuilder) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	how.SetProjection(bson.D{{Key: "_id", Value: 1}}).SetLimit(int64(most)).SetBatchSize(int32(most))
	cursor, err := s.coll.Find(ctx, filter, how)
	if err != nil {
		return nil, outage(ctx, err)
	}
	var docs []struct {
		Key string `bson:"_id"`
	}
	if err := cursor.All(ctx, &docs); err != nil {
		return nil, outage(ctx, err)
	}
	keys := make([]string, len(docs))
	for i, doc := range docs {
		keys[i] = doc.Key
	}
	return keys, nil
}
