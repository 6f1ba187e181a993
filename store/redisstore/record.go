package redisstore

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
)

// metaName is the member of the hash that is the store's own. No field has an empty name.
const metaName = ""

// meta is what that member holds: version, expiry in Unix milliseconds and owner, with
// spaces between them.
type meta struct {
	version uint64
	expires int64
	owner   string
}

// maxDigits bounds the version so that Lua, whose numbers are floating point, counts it
// exactly.
const maxDigits = 16

func parseMeta(text string) (meta, bool) {
	version, rest, _ := strings.Cut(text, " ")
	expires, owner, ok := strings.Cut(rest, " ")
	v, errV := strconv.ParseUint(version, 10, 64)
	e, errE := strconv.ParseInt(expires, 10, 64)
	ok = ok && errV == nil && errE == nil && v > 0 && len(version) <= maxDigits
	return meta{version: v, expires: e, owner: owner}, ok
}

func (m meta) record(fields store.Fields) store.Record {
	return store.Record{Version: m.version, Owner: m.owner, ExpiresAt: time.UnixMilli(m.expires), Fields: fields}
}

// read makes a record of the members of a hash; none is [store.ErrNotFound].
func read(at string, members map[string]string) (store.Record, error) {
	if len(members) == 0 {
		return store.Record{}, store.ErrNotFound
	}
	text, ok := members[metaName]
	if !ok {
		return store.Record{}, foreign(at, "a hash without the member with the empty name that every session has")
	}
	m, ok := parseMeta(text)
	if !ok {
		return store.Record{}, foreign(at, fmt.Sprintf("a hash whose member with the empty name is %.80q, not version, expiry and owner", text))
	}
	var room [32]store.Field
	list := room[:0]
	for name, value := range members {
		if name != metaName {
			list = append(list, store.Field{Name: name, Value: value})
		}
	}
	return m.build(at, list)
}

// readFields makes a record of an answer to HMGET of the metaName and the names.
func readFields(at string, names []string, values []rueidis.RedisMessage) (store.Record, error) {
	text, _ := values[0].ToString()
	m, ok := parseMeta(text)
	if !ok {
		return store.Record{}, foreign(at, fmt.Sprintf("a hash whose member with the empty name is %.80q, not version, expiry and owner", text))
	}
	list := make([]store.Field, 0, len(names))
	for i, name := range names {
		if v := &values[i+1]; !v.IsNil() {
			value, _ := v.ToString()
			list = append(list, store.Field{Name: name, Value: value})
		}
	}
	return m.build(at, list)
}

func (m meta) build(at string, list []store.Field) (store.Record, error) {
	slices.SortFunc(list, func(a, b store.Field) int { return strings.Compare(a.Name, b.Name) })
	fields, err := store.NewFields(list...)
	if err != nil {
		return store.Record{}, foreign(at, "a hash with a member that is no field: "+err.Error())
	}
	return m.record(fields), nil
}

// distinct returns names without those that come again and without the empty one, which
// no field has.
func distinct(names []string) []string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) > 0 && names[0] == metaName {
		names = names[1:]
	}
	return names
}
