package cloakroom

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cloakroom-go/cloakroom/store"
)

// An edit is what a request wants of one field.
type edit struct {
	name    string
	value   string // JSON text
	present bool   // false: the field is to go

	// A guarded edit was computed from what the field held, so it is good only while
	// the field still holds that. When it does not, the steps are taken again.
	guarded    bool
	old        string
	oldPresent bool
	steps      []step
}

// A step computes what a field becomes. For a Pop, compute is nil and the field goes if
// it still holds popped.
type step struct {
	compute func(text string, ok bool) (string, error)
	popped  string
}

// pending is what a request wants to change.
type pending struct {
	edits    []edit
	cleared  bool   // all fields of the record go before the edits
	touch    bool   // used now, whatever Config.TouchInterval says
	force    bool   // stored though nothing is in it
	restart  bool   // a new session takes the place of another one, or of nothing
	renew    bool   // a new secret
	signIn   bool   // a new secret, owner and epoch
	secret   string // the new secret
	owner    string
	replaces string // key of the session that ends
	ends     Reason // why it does
	limits   limitEdits
}

// limitEdits are new settings; zero values change nothing.
type limitEdits struct {
	idle, lifetime int64
	persistent     tristate
}

func (e limitEdits) applyTo(l limits) limits {
	if e.idle == backToConfig {
		l.idle = 0
	} else if e.idle != 0 {
		l.idle = e.idle
	}
	if e.lifetime == backToConfig {
		l.lifetime = 0
	} else if e.lifetime != 0 {
		l.lifetime = e.lifetime
	}
	if e.persistent != unset {
		l.persistent = e.persistent
	}
	return l
}

// backToConfig as a limit takes a session's own setting away.
const backToConfig = -2

// inTicket reports whether what changes is part of the client's ticket.
func (e limitEdits) inTicket() bool { return e.lifetime != 0 || e.persistent != unset }

// merge puts later edits on top.
func (e *limitEdits) merge(later limitEdits) {
	if later.idle != 0 {
		e.idle = later.idle
	}
	if later.lifetime != 0 {
		e.lifetime = later.lifetime
	}
	if later.persistent != unset {
		e.persistent = later.persistent
	}
}

func (p *pending) empty() bool {
	return len(p.edits) == 0 && !p.cleared && !p.touch && !p.force && !p.restart && !p.renew && !p.signIn && p.limits == limitEdits{}
}

// onlyLimits reports whether nothing else is pending.
func (p *pending) onlyLimits() bool {
	rest := *p
	rest.limits = limitEdits{}
	return rest.empty()
}

func (p *pending) find(name string) *edit {
	for i := range p.edits {
		if p.edits[i].name == name {
			return &p.edits[i]
		}
	}
	return nil
}

// lookup returns what the field will hold, or decided == false when that depends on
// what is below.
func (p *pending) lookup(name string) (text string, present, decided bool) {
	if e := p.find(name); e != nil {
		return e.value, e.present, true
	}
	return "", false, p.cleared
}

// add puts e on top of what is pending for the same field.
func (p *pending) add(e edit) {
	was := p.find(e.name)
	switch {
	case was == nil:
		if p.cleared {
			e.guarded, e.steps = false, nil // what the record holds does not matter
		}
		p.edits = append(p.edits, e)
	case e.guarded && was.guarded:
		was.value, was.present = e.value, e.present
		was.steps = append(was.steps, e.steps...)
	case e.guarded:
		was.value, was.present = e.value, e.present
	default:
		*was = e
	}
}

// merge puts later on top of p.
func (p *pending) merge(later *pending) {
	if later.cleared {
		p.edits, p.cleared = nil, true
	}
	for _, e := range later.edits {
		p.add(e)
	}
	p.touch, p.force = p.touch || later.touch, p.force || later.force
	p.restart, p.renew = p.restart || later.restart, p.renew || later.renew
	if later.signIn {
		p.signIn, p.owner = true, later.owner
	}
	if later.secret != "" {
		p.secret = later.secret
	}
	if later.replaces != "" {
		p.replaces, p.ends = later.replaces, later.ends
	}
	p.limits.merge(later.limits)
}

// rebase computes guarded edits anew from what the fields hold now. It returns the
// names of fields whose Pop came too late.
func (p *pending) rebase(fields store.Fields) (lost []string, err error) {
	if !slices.ContainsFunc(p.edits, func(e edit) bool { return e.guarded }) {
		return nil, nil
	}
	kept := make([]edit, 0, len(p.edits)) // p stays whole when a step fails
	for _, e := range p.edits {
		if e.guarded {
			e.old, e.oldPresent = fields.Get(e.name)
			e.value, e.present = e.old, e.oldPresent
			for _, s := range e.steps {
				if s.compute != nil {
					if e.value, err = s.compute(e.value, e.present); err != nil {
						return nil, err
					}
					e.present = true
				} else if e.present && e.value == s.popped {
					e.value, e.present = "", false
				} else {
					lost = append(lost, e.name)
				}
			}
			if e.present == e.oldPresent && e.value == e.old {
				continue
			}
		}
		kept = append(kept, e)
	}
	p.edits = kept
	return lost, nil
}

// change adds to c what the edits make of fields. With partial, those are not all, so
// that what is not there may yet be in the store.
func (p *pending) change(fields store.Fields, partial bool, c *changeBuilder) {
	for i := range p.edits {
		e := &p.edits[i]
		stored, has := fields.Get(e.name)
		if e.present == has && e.value == stored && !e.guarded && !partial {
			continue
		}
		if e.guarded {
			c.require(e.name, e.old, e.oldPresent)
		}
		if e.present {
			c.set(e.name, e.value)
		} else if has || e.guarded || partial {
			c.unset = append(c.unset, e.name)
		}
	}
	if !p.cleared {
		return
	}
	for name := range fields.All() {
		if !reserved(name) && p.find(name) == nil {
			c.unset = append(c.unset, name)
		}
	}
}

// names lists what is pending, for events.
func (p *pending) names() []string {
	var names []string
	for _, e := range p.edits {
		names = append(names, e.name)
	}
	if p.cleared && len(names) == 0 {
		names = append(names, "(clear)")
	}
	if p.touch || p.force {
		names = append(names, "(touch)")
	}
	if p.restart {
		names = append(names, "(restart)")
	}
	if p.renew {
		names = append(names, "(renew)")
	}
	if p.signIn {
		names = append(names, "(sign-in)")
	}
	if p.limits != (limitEdits{}) {
		names = append(names, "(limits)")
	}
	return names
}

// A changeBuilder collects a store.Change.
type changeBuilder struct {
	conds  []store.Condition
	fields []store.Field
	unset  []string
}

func (c *changeBuilder) require(name, value string, present bool) {
	c.conds = append(c.conds, store.Condition{Name: name, Value: value, Absent: !present})
}

// keep requires a field to be as it is in fields.
func (c *changeBuilder) keep(name string, fields store.Fields) {
	value, present := fields.Get(name)
	c.require(name, value, present)
}

func (c *changeBuilder) set(name, value string) {
	c.fields = append(c.fields, store.Field{Name: name, Value: value})
}

func (c *changeBuilder) setLimits(l limits) error {
	text, err := l.format()
	if err != nil {
		return fmt.Errorf("cloakroom: save: encode %s: %w", fieldLimits, err)
	}
	c.set(fieldLimits, text)
	return nil
}

// build returns the fields to set, sorted in place.
func (c *changeBuilder) build() (store.Fields, error) {
	slices.SortFunc(c.fields, func(a, b store.Field) int { return strings.Compare(a.Name, b.Name) })
	return store.NewFields(c.fields...)
}
