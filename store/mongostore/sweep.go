package mongostore

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Sweep removes at most limit expired records, a few hundred with each command, and returns
// how many it has removed, also when an error ended it early. Every error is an outage. A
// server with a TTL index does the same by itself, so there Sweep finds little to do.
func (s *Store) Sweep(ctx context.Context, limit int) (removed int, err error) {
	for removed < limit {
		most := min(limit-removed, page)
		found, n, err := s.sweep(ctx, most)
		removed += n
		if err != nil {
			return removed, fmt.Errorf("mongostore: sweep: %w", err)
		}
		if found < most {
			break
		}
	}
	return removed, nil
}

// sweep returns how many it has found and how many of those it has removed: others may have
// been faster, or the record may have been created again.
func (s *Store) sweep(ctx context.Context, most int) (found, removed int, err error) {
	filter := bson.D{isOver(time.Now()), {Key: "_id", Value: bson.D{{Key: "$type", Value: "string"}}}, all(isVersioned)}
	keys, err := s.keys(ctx, filter, most, options.Find())
	if err != nil || len(keys) == 0 {
		return 0, 0, err
	}
	filter = bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: keys}}}, isOver(time.Now()), all(isVersioned)}
	done, err := s.coll.DeleteMany(ctx, filter)
	if done != nil {
		removed = int(done.DeletedCount)
	}
	return len(keys), removed, outage(ctx, err)
}
