package mongostore

import (
	"context"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/cloakroom-go/cloakroom/store"
)

func (s *Store) edit(ctx context.Context, key string, change store.Change) (version uint64, err error) {
	if _, err := store.Apply(store.Record{}, true, store.Change{Owner: change.Owner}); err != nil {
		return 0, err // it says what is wrong with the owner
	}
	e, err := newEdit(key, change)
	if err != nil {
		return 0, err
	}
	base := change.Base
	for range tries {
		if !e.never {
			if base != nil && base.Version > 0 && base.Version < maxVersion {
				version, err = s.swap(ctx, e, base.Version)
			} else {
				version, err = s.update(ctx, e)
			}
			if isTooLarge(err) {
				return 0, s.measure(ctx, key, change, err)
			}
			if err != nil || version > 0 {
				return version, outage(ctx, err)
			}
		}
		if err := s.reason(ctx, key, change.If); err != nil {
			return 0, err
		}
		base = nil
	}
	return 0, errUnsettled
}

// An edit is a Change in the server's terms.
type edit struct {
	key    string
	update bson.Raw
	conds  []bson.D // filters, one for each condition
	never  bool     // a condition cannot hold
}

func newEdit(key string, change store.Change) (edit, error) {
	e := edit{key: key}
	set := make(bson.D, 0, change.Set.Len()+2)
	for name, value := range change.Set.All() {
		if !utf8.ValidString(value) {
			return edit{}, notText(name)
		}
		set = append(set, bson.E{Key: "fields." + escape(name), Value: value})
	}
	if change.Owner != nil {
		set = append(set, bson.E{Key: "owner", Value: *change.Owner})
	}
	if !change.ExpiresAt.IsZero() {
		set = append(set, bson.E{Key: "expires", Value: date(change.ExpiresAt)})
	}
	unset := bson.D{}
	for i, name := range change.Unset {
		if _, both := change.Set.Get(name); both || !possible(name) || slices.Contains(change.Unset[:i], name) {
			continue // the server refuses to do two things to one field
		}
		unset = append(unset, bson.E{Key: "fields." + escape(name), Value: ""})
	}
	update := bson.D{{Key: "$inc", Value: bson.D{{Key: "version", Value: int64(1)}}}}
	if len(set) > 0 {
		update = append(update, bson.E{Key: "$set", Value: set})
	}
	if len(unset) > 0 {
		update = append(update, bson.E{Key: "$unset", Value: unset})
	}
	for _, cond := range change.If {
		var want bson.D
		switch {
		case !possible(cond.Name), !utf8.ValidString(cond.Value) && !cond.Absent:
			e.never = e.never || !cond.Absent
			continue
		case cond.Absent:
			want = bson.D{{Key: "$exists", Value: false}}
		default:
			want = bson.D{{Key: "$eq", Value: cond.Value}}
		}
		e.conds = append(e.conds, bson.D{{Key: "fields." + escape(cond.Name), Value: want}})
	}
	var err error
	e.update, err = bson.Marshal(update)
	if err == nil && len(e.update) > maxDocument {
		err = tooLarge("what changes in the record", len(e.update))
	}
	return e, err
}

// filter matches the record if it is live and the conditions hold, and what is asked for
// besides.
func (e edit) filter(besides ...bson.D) bson.D {
	return bson.D{
		{Key: "_id", Value: e.key},
		isLive(time.Now()),
		all(slices.Concat([]bson.D{isRecord}, e.conds, besides)...),
	}
}

// swap edits the record if it still has that version, and returns the next one, or 0 if
// nothing matched. It costs the server less than update, which has to keep the whole document
// beside the change for a retry by the driver.
func (s *Store) swap(ctx context.Context, e edit, version uint64) (uint64, error) {
	done, err := s.coll.UpdateOne(ctx, e.filter(bson.D{{Key: "version", Value: int64(version)}}), e.update)
	if err != nil || done.MatchedCount == 0 {
		return 0, err
	}
	return version + 1, nil
}

// update edits the record whatever its version, and returns the new one, or 0 if nothing
// matched. So writers of different fields never wait for one another.
func (s *Store) update(ctx context.Context, e edit) (uint64, error) {
	opts := options.FindOneAndUpdate().SetReturnDocument(options.After)
	projected := options.FindOneAndUpdate().SetProjection(bson.D{{Key: "_id", Value: 0}, {Key: "version", Value: 1}})
	doc, err := s.coll.FindOneAndUpdate(ctx, e.filter(), e.update, opts, projected).Raw()
	if isNotImplemented(err) { // the projection is not, and nothing was done
		doc, err = s.coll.FindOneAndUpdate(ctx, e.filter(), e.update, opts).Raw()
	}
	if errors.Is(err, mongo.ErrNoDocuments) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	version, ok := doc.Lookup("version").Int64OK()
	if !ok {
		return 0, errors.New("the server's answer to an update has no version")
	}
	return uint64(version), nil
}

// reason says why an edit has matched nothing: nil if it would match now.
func (s *Store) reason(ctx context.Context, key string, conds []store.Condition) error {
	names := make([]string, len(conds))
	for i, cond := range conds {
		names[i] = cond.Name
	}
	found, err := find(ctx, s.coll, key, projection(names))
	switch {
	case err != nil:
		return err
	case !found.live:
		return store.ErrNotFound
	}
	for _, cond := range conds {
		if !cond.Holds(found.rec.Fields) {
			return store.ErrConflict
		}
	}
	return nil
}

// measure says how large the record would have become that the server has refused for its
// size: with an edit, only the server can notice.
func (s *Store) measure(ctx context.Context, key string, change store.Change, refusal error) error {
	found, err := find(ctx, s.coll, key, nil)
	change.If = nil
	next, problem := store.Apply(found.rec, found.live, change)
	if err != nil || problem != nil {
		return refusal // it has changed since
	}
	if _, err := encode(key, next); err != nil {
		return err
	}
	return refusal
}
