package mongostore

import (
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/cloakroom-go/cloakroom/store"
)

const (
	// maxDocument is what MongoDB takes at most, in bytes of BSON.
	maxDocument = 16 << 20
	// maxVersion is the last one that a document can hold. A version that counts
	// microseconds gets there in 292 thousand years.
	maxVersion = math.MaxInt64
)

// encode returns the document of a record: _id, version, owner, expires and fields.
func encode(key string, rec store.Record) (bson.Raw, error) {
	fields := make(bson.D, 0, rec.Fields.Len())
	for name, value := range rec.Fields.All() {
		if !utf8.ValidString(value) {
			return nil, notText(name)
		}
		fields = append(fields, bson.E{Key: escape(name), Value: value})
	}
	doc, err := bson.Marshal(bson.D{
		{Key: "_id", Value: key},
		{Key: "version", Value: int64(rec.Version)},
		{Key: "owner", Value: rec.Owner},
		{Key: "expires", Value: date(rec.ExpiresAt)},
		{Key: "fields", Value: fields},
	})
	if err == nil && len(doc) > maxDocument {
		err = tooLarge("the record", len(doc))
	}
	return doc, err
}

// date rounds down to the millisecond.
func date(t time.Time) bson.DateTime { return bson.DateTime(t.UnixMilli()) }

// notText refuses what MongoDB may keep and others that speak its protocol alter.
func notText(name string) error {
	return fmt.Errorf("the value of the field %q is not valid UTF-8, and so no JSON text: encode it as such", name)
}

func tooLarge(what string, size int) error {
	return fmt.Errorf("%s takes %d bytes and a document of MongoDB at most %d: keep large values elsewhere, and in the session where they are", what, size, maxDocument)
}

// stored is what was found at a key.
type stored struct {
	rec   store.Record // only the version when it has expired
	found bool         // there is a document
	live  bool         // it has not expired
}

// decode reads a document, which may be a projection of fields. One that is no record is
// [store.ErrMalformed].
func decode(doc bson.Raw, now time.Time) (stored, error) {
	version, ok := doc.Lookup("version").Int64OK()
	if !ok || version <= 0 || version == maxVersion {
		return stored{}, wrong(doc, "version", "a long greater than 0 that can grow")
	}
	expires, ok := doc.Lookup("expires").DateTimeOK()
	if !ok {
		return stored{}, wrong(doc, "expires", "a Date")
	}
	if expires <= now.UnixMilli() {
		return stored{rec: store.Record{Version: uint64(version)}, found: true}, nil
	}
	owner, ok := doc.Lookup("owner").StringValueOK()
	if !ok {
		return stored{}, wrong(doc, "owner", "a string")
	}
	object, ok := doc.Lookup("fields").DocumentOK()
	if !ok && doc.Lookup("fields").IsZero() { // which is also what a projection makes of a string
		return stored{}, fmt.Errorf("%w: fields is missing or a single value, want an object", store.ErrMalformed)
	}
	if !ok {
		return stored{}, wrong(doc, "fields", "an object")
	}
	fields, err := decodeFields(object)
	if err != nil {
		return stored{}, fmt.Errorf("%w: %w", store.ErrMalformed, err)
	}
	rec := store.Record{Version: uint64(version), Owner: owner, ExpiresAt: time.UnixMilli(expires), Fields: fields}
	return stored{rec: rec, found: true, live: true}, nil
}

func decodeFields(object bson.Raw) (store.Fields, error) {
	elements, err := object.Elements()
	if err != nil {
		return store.Fields{}, fmt.Errorf("fields: %w", err)
	}
	list := make([]store.Field, len(elements))
	for i, e := range elements {
		value, ok := e.Value().StringValueOK()
		if !ok {
			return store.Fields{}, fmt.Errorf("fields.%s is %s, want a string of JSON text", e.Key(), typeOf(e.Value()))
		}
		if !utf8.ValidString(value) {
			return store.Fields{}, fmt.Errorf("fields.%s is not valid UTF-8, want a string of JSON text", e.Key())
		}
		name, err := unescape(e.Key())
		if err != nil {
			return store.Fields{}, fmt.Errorf("fields has the key %q: %w", e.Key(), err)
		}
		list[i] = store.Field{Name: name, Value: value}
	}
	return store.NewFields(list...)
}

// wrong names a type and no value, which may be a secret of somebody.
func wrong(doc bson.Raw, field, want string) error {
	found := doc.Lookup(field)
	what := typeOf(found)
	if n, ok := found.Int64OK(); ok {
		what = fmt.Sprint(n)
	}
	return fmt.Errorf("%w: %s is %s, want %s", store.ErrMalformed, field, what, want)
}

func typeOf(v bson.RawValue) string {
	if v.IsZero() {
		return "missing"
	}
	return "of type " + v.Type.String()
}

// isVersioned matches what a Store has written, expired or not, as far as one field tells.
var isVersioned = bson.D{{Key: "version", Value: bson.D{{Key: "$type", Value: "long"}, {Key: "$gt", Value: int64(0)}, {Key: "$lt", Value: int64(maxVersion)}}}}

// isRecord matches the documents that decode takes for records, as far as a filter can tell
// without naming fields. A filter on a type also looks into arrays, hence the last part.
var isRecord = append(bson.D{
	{Key: "owner", Value: bson.D{{Key: "$type", Value: "string"}}},
	{Key: "fields", Value: bson.D{{Key: "$type", Value: "object"}}},
	{Key: "$nor", Value: bson.A{isArray("version"), isArray("owner"), isArray("expires"), isArray("fields")}},
}, isVersioned...)

func isArray(field string) bson.D {
	return bson.D{{Key: field, Value: bson.D{{Key: "$type", Value: "array"}}}}
}

// isLive matches documents that have not expired.
func isLive(now time.Time) bson.E {
	return bson.E{Key: "expires", Value: bson.D{{Key: "$gt", Value: date(now)}}}
}

// isOver matches documents that have expired.
func isOver(now time.Time) bson.E {
	return bson.E{Key: "expires", Value: bson.D{{Key: "$lte", Value: date(now)}}}
}

// all matches what each of the filters matches. A filter of its own for each one lets them
// speak of the same field.
func all(filters ...bson.D) bson.E {
	return bson.E{Key: "$and", Value: filters}
}
