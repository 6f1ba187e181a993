// Package flash hands values from one request to the next: "Your order was sent", shown
// once, after the redirect.
//
//	flash.Set(s, "notice", "Your order was sent.")
//	http.Redirect(w, r, "/orders", http.StatusSeeOther)
//	// and in the handler of /orders:
//	notice, _ := flash.Get[string](s, "notice")
//
// Values wait in the session until a request reads one: any call of [Get] or [Names] opens
// all that wait for this request, and its commit removes them, with everything else that it
// saves. Requests that read none, such as those for images, leave them alone, and so does
// one whose commit fails. [Keep] and [Reflash] hand them on once more. A response that never
// arrives loses what it was made of.
//
// Two requests that read at the same moment may both get a value. Where that matters, call
// [Take] first, which lets one of them have it.
//
// Functions with a session may be called by several goroutines of its request. Values are
// kept as JSON, by the rules of encoding/json, in the field "flash".
package flash

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// A message waits in the session. Its ID tells it from a later one with the same name.
type message struct {
	ID    string          `json:"id"`
	Value json.RawMessage `json:"value"`
}

// waiting is what the session holds.
type waiting = map[string]message

var field = cloakroom.NewKey[waiting]("flash")

// A box is what one request knows of flash.
type box struct {
	mu     sync.Mutex
	opened bool
	of     string                     // ID of the session that was opened
	old    waiting                    // opened by this request
	now    map[string]json.RawMessage // for this request only
	mine   map[string]bool            // IDs of what this request has set for the next
}

type boxKey struct{}

func boxOf(s *cloakroom.Session) *box {
	return s.Local(boxKey{}, func() any {
		return &box{now: map[string]json.RawMessage{}, mine: map[string]bool{}}
	}).(*box)
}

// Set keeps v under name for the next request that reads. It takes the place of a value that
// waits under the same name. A value that cannot be encoded sets the Err of s, and so does a
// name or a string that is not UTF-8.
func Set[T any](s *cloakroom.Session, name string, v T) {
	text, err := encode(name, v)
	if err != nil {
		s.SetErr(err)
		return
	}
	m := message{ID: strconv.FormatUint(rand.Uint64(), 36), Value: text}
	b := boxOf(s)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mine[m.ID] = true
	put(s, waiting{name: m})
}

// Now gives this request a value, which Get returns and nothing stores: for a handler that
// shows the form again instead of redirecting.
func Now[T any](s *cloakroom.Session, name string, v T) {
	text, err := encode(name, v)
	if err != nil {
		s.SetErr(err)
		return
	}
	b := boxOf(s)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now[name] = text
}

// Get returns the value under name that an earlier request has Set, or this one with Now,
// and reports whether there is one. What this request has Set is for the next. A value that
// T does not take is none, and sets the Err of s.
func Get[T any](s *cloakroom.Session, name string) (T, bool) {
	var v T
	b := boxOf(s)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open(s)
	text, ok := b.now[name]
	if !ok {
		m, waits := b.old[name]
		if !waits {
			return v, false
		}
		text = m.Value
	}
	if err := json.Unmarshal(text, &v); err != nil {
		s.SetErr(fmt.Errorf("cloakroom/flash: the value under %q is no %T: read it as what it was Set", name, v))
		var none T
		return none, false
	}
	return v, true
}

// Names returns the names that Get finds, sorted.
func Names(s *cloakroom.Session) []string {
	b := boxOf(s)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open(s)
	names := slices.AppendSeq(slices.Collect(maps.Keys(b.old)), maps.Keys(b.now))
	slices.Sort(names)
	return slices.Compact(names)
}

// Keep hands values that were opened by this request on to the next one that reads. Names
// under which nothing was are ignored, and so is Now. A value that was Set since under the
// same name is kept instead.
func Keep(s *cloakroom.Session, names ...string) {
	b := boxOf(s)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open(s)
	again := waiting{}
	for _, name := range names {
		if m, ok := b.old[name]; ok {
			again[name] = m
		}
	}
	restore(s, again)
}

// Reflash is Keep for all names.
func Reflash(s *cloakroom.Session) {
	b := boxOf(s)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open(s)
	restore(s, b.old)
}

// Take opens what waits for this request alone, now: of several requests that take at the
// same moment, one gets the values and the others find none. It saves all edits of the
// session. Its errors are those of [cloakroom.Session.Save] and Reload; the values are then
// left to another request, unless the store could not say.
func Take(ctx context.Context, s *cloakroom.Session) error {
	b := boxOf(s)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opened && b.of == idOf(s) {
		return s.Save(ctx)
	}
	if err := s.Save(ctx); err != nil { // so that a conflict below is ours
		return err
	}
	for {
		all, ok := field.Pop(s)
		if !ok {
			b.opened, b.of, b.old = true, idOf(s), waiting{}
			return nil
		}
		mine := waiting{}
		for name, m := range all {
			if b.mine[m.ID] {
				mine[name] = m
				delete(all, name)
			}
		}
		put(s, mine)
		err := s.Save(ctx)
		switch {
		case err == nil:
			b.opened, b.of, b.old = true, idOf(s), all
			return nil
		case !errors.Is(err, store.ErrConflict):
			return err
		}
		// Another request took them, or added one. What is there now tells.
		if err := s.Reload(ctx); err != nil {
			return err
		}
	}
}

// idOf returns the ID of a stored session, and "" for others, which have nothing waiting.
func idOf(s *cloakroom.Session) string {
	if s.IsNew() {
		return ""
	}
	return s.ID()
}

// open reads what waits for this request, and has the commit remove it. The caller holds mu.
func (b *box) open(s *cloakroom.Session) {
	id := idOf(s)
	if b.opened && b.of == id {
		return
	}
	// After a sign-in over another owner, say, it is another session, and nobody inherits.
	b.opened, b.of, b.old = true, id, waiting{}
	for name, m := range field.Get(s) {
		if !b.mine[m.ID] {
			b.old[name] = m
		}
	}
	if len(b.old) == 0 {
		return
	}
	read := b.old
	field.Update(s, func(w waiting) waiting {
		for name, m := range read {
			if w[name].ID == m.ID {
				delete(w, name)
			}
		}
		return w
	})
}

// put adds messages, over those with the same names.
func put(s *cloakroom.Session, messages waiting) {
	if len(messages) == 0 {
		return
	}
	field.Update(s, func(w waiting) waiting {
		if w == nil {
			w = waiting{}
		}
		maps.Copy(w, messages)
		return w
	})
}

// restore adds messages where no newer one has the name.
func restore(s *cloakroom.Session, messages waiting) {
	if len(messages) == 0 {
		return
	}
	field.Update(s, func(w waiting) waiting {
		if w == nil {
			w = waiting{}
		}
		for name, m := range messages {
			if _, newer := w[name]; !newer {
				w[name] = m
			}
		}
		return w
	})
}

func encode(name string, v any) (json.RawMessage, error) {
	if text, ok := v.(string); !utf8.ValidString(name) || ok && !utf8.ValidString(text) {
		return nil, fmt.Errorf("cloakroom/flash: the name %q, or the text for it, is not valid UTF-8: keep other bytes as a []byte", name)
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("cloakroom/flash: the value for %q, a %T, cannot be kept: JSON has nothing for it", name, v)
	}
	return bytes.TrimSpace(text.Bytes()), nil
}
