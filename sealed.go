package cloakroom

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/cloakroom-go/cloakroom/seal"
	"github.com/cloakroom-go/cloakroom/store"
)

// A record is what the store holds, with its values in the clear.
type record struct {
	store.Record
	raw store.Fields // as stored, when Config.SealKeys is set
}

// base returns what the store holds.
func (r *record) base(sealed bool) *store.Record {
	if !sealed {
		return &r.Record
	}
	base := r.Record
	base.Fields = r.raw
	return &base
}

// with adds what was saved. sealed is the form of set in the store.
func (r *record) with(set, sealed store.Fields, unset []string) {
	r.Fields = r.Fields.With(set, unset...)
	if sealed != set {
		r.raw = r.raw.With(sealed, unset...)
	}
}

// A sealer keeps the program's values from whoever reads the store. The place of a value,
// which is the key of its record and the name of its field, is sealed with it, so that
// values cannot be moved about. The manager's own fields stay readable: nothing in them
// signs anybody in.
type sealer struct{ ring *seal.Ring }

func place(key, name string) []byte { return []byte(key + "\x00" + name) }

// seal returns fields with the program's values sealed, as JSON strings.
func (s sealer) seal(key string, fields store.Fields) (store.Fields, error) {
	list := make([]store.Field, 0, fields.Len())
	for name, value := range fields.All() {
		if !reserved(name) {
			value = `"` + base64.RawURLEncoding.EncodeToString(s.ring.Seal([]byte(value), place(key, name))) + `"`
		}
		list = append(list, store.Field{Name: name, Value: value})
	}
	return store.NewFields(list...)
}

// open is the inverse of seal. A value that was not sealed cannot be opened either:
// otherwise whoever writes to the store could plant some. The error names the field.
func (s sealer) open(key string, fields store.Fields) (store.Fields, error) {
	list := make([]store.Field, 0, fields.Len())
	for name, value := range fields.All() {
		if !reserved(name) {
			sealed, err := base64.RawURLEncoding.Strict().DecodeString(strings.Trim(value, `"`))
			if err == nil {
				sealed, err = s.ring.Open(sealed, place(key, name))
			}
			if err != nil {
				return store.Fields{}, fmt.Errorf("the field %q cannot be opened with Config.SealKeys: %w", name, store.ErrMalformed)
			}
			value = string(sealed)
		}
		list = append(list, store.Field{Name: name, Value: value})
	}
	return store.NewFields(list...)
}

// reveal makes a record of what the store has returned for a key.
func (m *Manager) reveal(key string, rec store.Record) (record, error) {
	if m.sealer == nil {
		return record{Record: rec}, nil
	}
	revealed := record{Record: rec, raw: rec.Fields}
	var err error
	revealed.Fields, err = m.sealer.open(m.cfg.KeyPrefix+key, rec.Fields)
	return revealed, err
}

// conceal makes what is sent to the store for a key of what is wanted. op.set keeps that as
// it was.
func (op *operation) conceal(key string) (err error) {
	op.set = op.change.Set
	sealer := op.m.sealer
	if sealer == nil {
		return nil
	}
	if op.change.Set, err = sealer.seal(op.m.cfg.KeyPrefix+key, op.set); err != nil {
		return fmt.Errorf("cloakroom: save: seal: %w", err)
	}
	for i := range op.change.If {
		c := &op.change.If[i]
		// A value that is not the one that was loaded has no sealed form that could hold.
		if plain, ok := op.rec.Fields.Get(c.Name); ok && !c.Absent && plain == c.Value {
			c.Value, _ = op.rec.raw.Get(c.Name)
		}
	}
	return nil
}
