package cloakroom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// Direct reads and writes single values of a session at once, without loading the others:
// it is for large sessions of which a request needs little, and for programs that are not
// HTTP handlers. Every method is one step of its own, and checks that the session lives.
//
// A read is one call of the store, which moves the named values only where the store is a
// [store.FieldLoader]. The first write of a Direct costs a read besides, and later ones do
// not. Two writers of different names never lose anything. A write never revives a session
// that has ended, and never crosses a sign-in: its error is [ErrEnded] then. Reads and
// writes count as use of the session, as those of a [Session] do.
//
// After a SignIn that was saved in the same request, take a new Direct. The [Session] of the
// same request does not see what a Direct has written until its
// Reload, nor does a Direct see what has not been saved. Errors wrap [ErrUnavailable] when
// the store cannot say; a write may have landed then and is not repeated. A Direct is safe
// for concurrent use; its methods take turns.
type Direct struct {
	m       *Manager
	x       *exchange // nil: of DirectTrusted
	trusted string    // ID of the session; "" with x

	mu    sync.Mutex
	view  *Session // of the session as found last, with some of its fields; nil before
	epoch string   // of the session that was found first
	found bool     // one was
}

// Direct returns direct access to the session that this request's token opens. A visitor
// without a session reads nothing; the first write begins a session through [Manager.Load],
// with what is pending there, and its cookie is sent like any other. Outside of [Manager.Handler] it is an error.
func (m *Manager) Direct(ctx context.Context) (*Direct, error) {
	x, ok := ctx.Value(managerKey{m}).(*exchange)
	if !ok {
		return nil, errOutside("Direct")
	}
	return &Direct{m: m, x: x}, nil
}

// DirectTrusted returns direct access to the session with the given ID, whoever asks: the
// program must know that it may. Reads of a session that is not there find nothing, and
// writes are an error that wraps [store.ErrNotFound]. It makes no store call yet.
func (m *Manager) DirectTrusted(id string) *Direct { return &Direct{m: m, trusted: id} }

// managerFields are what it takes to say whether a session lives and whom it belongs to.
var managerFields = []string{fieldCreated, fieldEpoch, fieldLimits, fieldPrevious, fieldSeen, fieldSecret, fieldStart}

// Get decodes the value of a field into v, a pointer, and reports whether there is one. It
// is an error when v does not take the value, or the name is none of a program's field.
func (d *Direct) Get(ctx context.Context, name string, v any) (bool, error) {
	if p := reflect.ValueOf(v); p.Kind() != reflect.Pointer || p.IsNil() {
		return false, fmt.Errorf("cloakroom: Get of the field %q: the value goes to a %T: give a pointer that is not nil", name, v)
	}
	values, err := d.GetMany(ctx, name)
	if err != nil {
		return false, err
	}
	text, ok := values[name]
	if !ok {
		return false, nil
	}
	if err := json.Unmarshal(text, v); err != nil {
		return false, codecError("decode", name, reflect.TypeOf(v), err)
	}
	return true, nil
}

// GetMany returns the values of fields as JSON, all read in one step. A name without a
// value is left out.
func (d *Direct) GetMany(ctx context.Context, names ...string) (map[string]json.RawMessage, error) {
	if err := checkFieldNames(names); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.find(ctx, names)
	if err != nil {
		return nil, err
	}
	values := make(map[string]json.RawMessage, len(names))
	for _, name := range names {
		if text, ok := s.lookup(name); ok {
			values[name] = json.RawMessage(text)
		}
	}
	if err := s.Save(ctx); err != nil && !errors.Is(err, ErrEnded) { // a touch, if one is due
		return nil, err
	}
	return values, nil
}

// Set sets the value of a field, kept as JSON by the rules of encoding/json.
func (d *Direct) Set(ctx context.Context, name string, v any) error {
	return d.SetMany(ctx, map[string]any{name: v})
}

// SetMany sets several values in one step: all of them, or none with an error.
func (d *Direct) SetMany(ctx context.Context, values map[string]any) error {
	names := slices.Sorted(maps.Keys(values))
	if err := checkFieldNames(names); err != nil {
		return err
	}
	edits := make([]edit, 0, len(names))
	for _, name := range names {
		text, err := encode(values[name])
		if err != nil {
			return codecError("encode", name, reflect.TypeOf(values[name]), err)
		}
		edits = append(edits, edit{name: name, value: text, present: true})
	}
	return d.write(ctx, func(s *Session) {
		for _, e := range edits {
			s.edit(e)
		}
	})
}

// Add adds n to the number in a field, which is 0 when there is none, and returns the sum.
// Of parallel calls none is lost. A value that is no 64-bit integer is left alone, and is an
// error; so is a sum that is too large.
func (d *Direct) Add(ctx context.Context, name string, n int64) (sum int64, err error) {
	if err := checkFieldNames([]string{name}); err != nil {
		return 0, err
	}
	add := func(text string, ok bool) (string, error) {
		old := int64(0)
		if ok {
			v, err := decode[int64](text)
			if text == "null" {
				err = errNull
			}
			if err != nil {
				return "", codecError("decode", name, reflect.TypeFor[int64](), err)
			}
			old = v
		}
		if n > 0 && old > math.MaxInt64-n || n < 0 && old < math.MinInt64-n {
			return "", fmt.Errorf("cloakroom: Add: the sum in the field %q does not fit into 64 bits", name)
		}
		sum = old + n
		return strconv.FormatInt(sum, 10), nil
	}
	var wrong error
	err = d.writeTo(ctx, []string{name}, func(s *Session) {
		wrong = nil
		for {
			old, ok := s.lookup(name)
			text, err := add(old, ok)
			if err != nil {
				wrong = err
				return
			}
			if s.editIf(edit{
				name: name, value: text, present: true,
				guarded: true, old: old, oldPresent: ok, steps: []step{{compute: add}},
			}) {
				return
			}
		}
	})
	if err = errors.Join(wrong, err); err != nil {
		return 0, err
	}
	return sum, nil
}

var errNull = errors.New("null is no number")

// Delete deletes fields, in one step. A missing one is no error.
func (d *Direct) Delete(ctx context.Context, names ...string) error {
	if err := checkFieldNames(names); err != nil {
		return err
	}
	return d.write(ctx, func(s *Session) {
		for _, name := range names {
			s.edit(edit{name: name})
		}
	})
}

// Extend counts as a use of the session, and lets it live for idle after each use from now
// on, but never past its lifetime. Zero leaves its idle timeout as it is.
func (d *Direct) Extend(ctx context.Context, idle time.Duration) error {
	if idle != 0 && idle < time.Millisecond {
		return fmt.Errorf("cloakroom: Extend(%v): give at least 1ms, NoTimeout, or 0 to keep the idle timeout", idle)
	}
	return d.write(ctx, func(s *Session) {
		if idle != 0 {
			s.SetIdleTimeout(idle)
		}
		s.Touch()
	})
}

// Destroy ends the session, as [Session.Destroy] does. There being none is not an error.
func (d *Direct) Destroy(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.x == nil {
		return d.destroyTrusted(ctx)
	}
	if s := d.loaded(); s != nil {
		return s.Destroy(ctx)
	}
	s, err := d.find(ctx, nil)
	if err != nil {
		return err
	}
	if err := s.Destroy(ctx); err != nil {
		return err
	}
	d.view = nil
	if s.out != nil {
		d.x.owe(*s.out)
	}
	return nil
}

func (d *Direct) destroyTrusted(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("cloakroom: %w", err)
	}
	if !d.m.goodKey(d.trusted) {
		return nil
	}
	d.view = nil
	if err := d.m.newSession(ctx).remove(detach(ctx), d.trusted); err != nil {
		return err
	}
	d.m.observe(ctx, Ended{ID: d.trusted, Reason: ReasonDestroyed})
	return nil
}

// write makes edits that do not depend on what is there.
func (d *Direct) write(ctx context.Context, edits func(*Session)) error {
	return d.writeTo(ctx, nil, edits)
}

// writeTo makes edits that depend on the named fields, and saves them.
func (d *Direct) writeTo(ctx context.Context, names []string, edits func(*Session)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.view
	if s == nil || len(names) > 0 || !s.current() {
		var err error
		if s, err = d.find(ctx, names); err != nil {
			return err
		}
	}
	if s.IsNew() {
		switch {
		case s.gone != "" || d.found:
			return ErrEnded
		case d.x == nil:
			return fmt.Errorf("cloakroom: there is no session %q: %w", d.trusted, store.ErrNotFound)
		}
		var err error
		if s, err = d.begin(ctx, names); err != nil {
			return err
		}
	}
	if s.x == nil && d.x != nil {
		d.x.mu.Lock()
		late := d.x.began
		d.x.mu.Unlock()
		s.mu.Lock()
		s.late = late // from then on each call has time of its own
		s.mu.Unlock()
	}
	edits(s)
	err := s.Save(ctx)
	if err != nil {
		// Whatever is pending is not tried again.
		d.view = nil
		s.mu.Lock()
		s.takePending()
		s.mu.Unlock()
	}
	return err
}

// begin returns a session of a visitor in which nothing is pending: the one of the request,
// or a view of it when it had to be saved first.
func (d *Direct) begin(ctx context.Context, names []string) (*Session, error) {
	s, err := d.x.load()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	p := s.pending()
	pending := p != nil && !p.empty()
	s.mu.Unlock()
	if !pending {
		return s, nil
	}
	if err := s.Save(ctx); err != nil || s.IsNew() {
		return s, err
	}
	return d.find(ctx, names)
}

// loaded returns the Session of this request if there is one already.
func (d *Direct) loaded() *Session {
	if d.x == nil {
		return nil
	}
	d.x.mu.Lock()
	defer d.x.mu.Unlock()
	return d.x.session
}

// find reads the named fields, and what tells whether the session lives. When it does not,
// the view is that of a new session.
func (d *Direct) find(ctx context.Context, names []string) (*Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("cloakroom: %w", err)
	}
	s := d.m.newSession(ctx)
	if d.m.cfg.Validate == nil && d.m.cfg.BeforeSave == nil { // they want to see all of it
		s.names = slices.Concat(managerFields, names)
	}
	events, err := d.open(ctx, s)
	for _, e := range events {
		d.m.observe(ctx, e)
	}
	if err != nil {
		return nil, err
	}
	// No ticket is due for what a Direct does: its client has one.
	s.resend, s.rolled, s.ended = false, true, true
	d.view = s
	if s.IsNew() {
		return s, nil
	}
	epoch, _ := s.rec.Fields.Get(fieldEpoch)
	if d.found && epoch != d.epoch {
		s.forget()
		s.gone = ReasonNewEpoch
		return s, nil
	}
	d.found, d.epoch = true, epoch
	return s, nil
}

// open makes s the view of the session that is meant.
func (d *Direct) open(ctx context.Context, s *Session) ([]Event, error) {
	if d.x == nil {
		c := candidates{s: s, ctx: ctx, trusted: true}
		if !d.m.goodKey(d.trusted) {
			return nil, nil
		}
		_, err := c.look(Token{Key: d.trusted})
		return c.events, err
	}
	d.x.mu.Lock()
	d.x.direct = true
	if !d.x.began {
		s.budget = &d.x.budget
	}
	d.x.mu.Unlock()
	if l := d.loaded(); l != nil {
		// It may have a token that the request does not carry yet.
		l.mu.Lock()
		stored, token := l.stored(), l.token
		l.mu.Unlock()
		if !stored {
			return nil, nil
		}
		c := candidates{s: s, ctx: ctx}
		s.presents = true
		_, err := c.look(token)
		return c.events, err
	}
	return d.x.open(s)
}

// current reports whether the session can be written without reading it again.
func (s *Session) current() bool {
	now := s.m.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stored() && s.doubt == nil && now < s.m.expiry(&s.meta, s.meta.seen)
}

func checkFieldNames(names []string) error {
	for _, name := range names {
		if err := checkFieldName(name); err != nil {
			return fmt.Errorf("cloakroom: %w", err)
		}
	}
	return nil
}
