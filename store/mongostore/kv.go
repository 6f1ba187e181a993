package mongostore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

// KVOptions are the settings of a KV that have a default. Together the defaults are where
// connect-mongo keeps sessions. Names of fields are of the top level of a document: not empty,
// without dots and NULs, no "$" at the beginning, and all different.
type KVOptions struct {
	// Key names the field of keys. One other than _id needs a unique index. Defaults to
	// "_id".
	Key string
	// Value names the field of values. Defaults to "session".
	Value string
	// Expires names the field of ends. For the server to remove what has expired, it needs a
	// TTL index. Defaults to "expires".
	Expires string
}

// KV is a [kvstore.KV] over a collection whose documents have the caller's own form: a key, a
// value and an end, each in a field of a name that the caller chose. Other fields stay as they
// are. It is safe for concurrent use.
//
// A value is kept as a string where it is valid UTF-8, else as binary data, and is read from
// either. An end is kept as a Date; a document without one, or with null, never ends.
type KV struct {
	coll                *mongo.Collection
	key, value, expires string
}

var _ kvstore.KV = (*KV)(nil)

// NewKV returns a KV in coll, whose client stays the caller's. options may be nil. NewKV does
// not touch the server, and nothing makes an index: the collection is the caller's. As with
// [New], coll is written with the concern majority and read from the primary.
//
// It is an error when coll is nil or an option is not a name as described there.
func NewKV(coll *mongo.Collection, options *KVOptions) (*KV, error) {
	if coll == nil {
		return nil, errors.New("mongostore: coll is nil: connect with mongo.Connect and take client.Database(...).Collection(...)")
	}
	kv := &KV{own(coll, readconcern.Local()), "_id", "session", "expires"}
	if options != nil {
		for field, name := range map[*string]string{&kv.key: options.Key, &kv.value: options.Value, &kv.expires: options.Expires} {
			if name != "" {
				*field = name
			}
		}
	}
	for _, name := range []string{kv.key, kv.value, kv.expires} {
		if name[0] == '$' || strings.ContainsAny(name, ".\x00") || !utf8.ValidString(name) {
			return nil, fmt.Errorf("mongostore: KVOptions name the field %q: use a name without dots and NULs, and no \"$\" at its beginning", name)
		}
	}
	if kv.key == kv.value || kv.key == kv.expires || kv.value == kv.expires {
		return nil, fmt.Errorf("mongostore: KVOptions keep key, value and end in the fields %q, %q and %q: use three different names", kv.key, kv.value, kv.expires)
	}
	return kv, nil
}

// Get returns the live entry at key, in one round trip. Its errors are [store.ErrNotFound],
// [store.ErrMalformed] with what is at the key and what was expected, and outages.
func (kv *KV) Get(ctx context.Context, key string) (kvstore.Entry, error) {
	entry, err := kv.get(ctx, key)
	if err != nil {
		return kvstore.Entry{}, fmt.Errorf("mongostore: get: %w", err)
	}
	return entry, nil
}

func (kv *KV) get(ctx context.Context, key string) (entry kvstore.Entry, err error) {
	if err := ctx.Err(); err != nil {
		return entry, err
	}
	fields := bson.D{{Key: kv.value, Value: 1}, {Key: kv.expires, Value: 1}}
	doc, err := kv.coll.FindOne(ctx, bson.D{{Key: kv.key, Value: key}}, options.FindOne().SetProjection(fields)).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return entry, store.ErrNotFound
	}
	if err != nil {
		return entry, outage(ctx, err)
	}
	entry, err = kv.decode(doc)
	if errors.Is(err, store.ErrMalformed) {
		err = fmt.Errorf("the document with the %s %q in %s.%s: %w", kv.key, key, kv.coll.Database().Name(), kv.coll.Name(), err)
	}
	return entry, err
}

func (kv *KV) decode(doc bson.Raw) (entry kvstore.Entry, err error) {
	end := doc.Lookup(kv.expires)
	if ms, ok := end.DateTimeOK(); ok {
		if ms <= time.Now().UnixMilli() {
			return entry, store.ErrNotFound
		}
		entry.ExpiresAt = time.UnixMilli(ms)
	} else if !end.IsZero() && end.Type != bson.TypeNull {
		return entry, wrong(doc, kv.expires, "a Date")
	}
	value := doc.Lookup(kv.value)
	text, isText := value.StringValueOK()
	subtype, data, isData := value.BinaryOK()
	switch {
	case isText:
		entry.Value = text
	case isData && subtype == bson.TypeBinaryGeneric:
		entry.Value = string(data)
	default:
		return entry, wrong(doc, kv.value, "a string: have it written as one, as connect-mongo does unless its stringify is false")
	}
	return entry, nil
}

// CompareAndSwap puts next at key if what is there is old, in one command that the server
// carries out atomically. Its errors are [store.ErrConflict], a next that is larger than a
// document of MongoDB can be, with both sizes, and outages.
func (kv *KV) CompareAndSwap(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
	if err := kv.swap(ctx, key, old, next); err != nil {
		return fmt.Errorf("mongostore: compare and swap: %w", err)
	}
	return nil
}

func (kv *KV) swap(ctx context.Context, key string, old *kvstore.Entry, next kvstore.Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	const framing = 29 // what BSON puts around names and values
	if size := framing + len(kv.key) + len(key) + len(kv.value) + len(next.Value) + len(kv.expires); size > maxDocument {
		return tooLarge("the entry", size)
	}
	now := date(time.Now())
	filter := bson.D{{Key: kv.key, Value: key}}
	opts := options.UpdateOne()
	if old == nil {
		// What has expired is overwritten, and where nothing is the server makes a document.
		// It cannot where a live one is, since two may not have one key.
		filter = append(filter, bson.E{Key: kv.expires, Value: bson.D{{Key: "$lte", Value: now}}})
		opts.SetUpsert(true)
	} else {
		forms := bson.A{bson.Binary{Data: []byte(old.Value)}}
		if utf8.ValidString(old.Value) {
			forms = append(forms, old.Value)
		}
		filter = append(filter, bson.E{Key: kv.value, Value: bson.D{{Key: "$in", Value: forms}}}, bson.E{Key: "$or", Value: bson.A{
			bson.D{{Key: kv.expires, Value: nil}}, // missing or null
			bson.D{{Key: kv.expires, Value: bson.D{{Key: "$gt", Value: now}}}},
		}})
	}
	done, err := kv.coll.UpdateOne(ctx, filter, kv.update(next), opts)
	switch {
	case mongo.IsDuplicateKeyError(err):
		return store.ErrConflict
	case err != nil:
		return outage(ctx, err)
	case done.MatchedCount+done.UpsertedCount == 0:
		return store.ErrConflict
	}
	return nil
}

func (kv *KV) update(next kvstore.Entry) bson.D {
	set := bson.D{{Key: kv.value, Value: next.Value}}
	if !utf8.ValidString(next.Value) {
		set[0].Value = bson.Binary{Data: []byte(next.Value)}
	}
	if next.ExpiresAt.IsZero() {
		return bson.D{{Key: "$set", Value: set}, {Key: "$unset", Value: bson.D{{Key: kv.expires, Value: ""}}}}
	}
	return bson.D{{Key: "$set", Value: append(set, bson.E{Key: kv.expires, Value: date(next.ExpiresAt)})}}
}

// Delete removes the entry at key, also one that [KV.Get] finds malformed. A missing one is not
// an error; every error is an outage.
func (kv *KV) Delete(ctx context.Context, key string) error {
	err := ctx.Err()
	if err == nil {
		_, err = kv.coll.DeleteOne(ctx, bson.D{{Key: kv.key, Value: key}})
	}
	if err != nil {
		return fmt.Errorf("mongostore: delete: %w", outage(ctx, err))
	}
	return nil
}
