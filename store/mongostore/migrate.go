package mongostore

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Migrate makes the indexes of the collection, and with them the collection, where they are
// missing: one by which the server removes what has expired, and one of owners. It changes
// nothing when all is there, so it is safe at every start, and of several processes at once.
//
// A server without TTL indexes gets none, and [Store.Sweep] does that work. It is an error
// when the collection is one that cannot keep sessions: a view, a time series, a capped one, or
// one with a collation, by whose rules different keys and values could be the same. So is an
// index on the same fields with other options. Every other error is an outage.
func (s *Store) Migrate(ctx context.Context) error {
	err := s.migrate(ctx)
	if err != nil {
		return fmt.Errorf("mongostore: migrate %s.%s: %w", s.coll.Database().Name(), s.coll.Name(), outage(ctx, err))
	}
	return nil
}

func (s *Store) migrate(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	specs, err := s.coll.Database().ListCollectionSpecifications(ctx, bson.D{{Key: "name", Value: s.coll.Name()}})
	if err != nil {
		return err
	}
	for _, spec := range specs {
		if err := suitable(spec); err != nil {
			return err
		}
	}
	indexes := s.coll.Indexes()
	_, err = indexes.CreateOne(ctx, mongo.IndexModel{
		Keys:    bson.D{{Key: "expires", Value: 1}},
		Options: options.Index().SetExpireAfterSeconds(0),
	})
	if err != nil && !isNotImplemented(err) {
		return err
	}
	owners := bson.D{{Key: "owner", Value: 1}, {Key: "_id", Value: 1}}
	_, err = indexes.CreateOne(ctx, mongo.IndexModel{
		Keys:    owners,
		Options: options.Index().SetPartialFilterExpression(bson.D{{Key: "owner", Value: bson.D{{Key: "$gt", Value: ""}}}}),
	})
	if isNotImplemented(err) {
		_, err = indexes.CreateOne(ctx, mongo.IndexModel{Keys: owners})
	}
	return err
}

func suitable(spec mongo.CollectionSpecification) error {
	const remedy = "use a collection without, such as one that Migrate makes"
	if spec.Type != "" && spec.Type != "collection" {
		return fmt.Errorf("it is a %s: %s", spec.Type, remedy)
	}
	if capped, _ := spec.Options.Lookup("capped").BooleanOK(); capped {
		return fmt.Errorf("it is capped, so that MongoDB drops sessions from it: %s", remedy)
	}
	if collation, ok := spec.Options.Lookup("collation").DocumentOK(); ok {
		return fmt.Errorf("it has the collation %v, by whose rules different keys and values may be the same: %s", collation, remedy)
	}
	return nil
}
