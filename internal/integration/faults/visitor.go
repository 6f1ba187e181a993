package faults

// A visitor is a browser with one session.
type visitor struct {
	*site
	cookie string
}

// ask asks for a page and takes the cookie that comes with it.
func (v *visitor) ask(path string) answer {
	v.t.Helper()
	a := v.get(path, v.cookie)
	if a.token != "" {
		v.cookie = a.token
	}
	return a
}

// arrive makes a visitor with a session in which count is 1.
func (s *site) arrive() (*visitor, answer) {
	s.t.Helper()
	v := &visitor{site: s}
	a := v.insist("/add")
	if a.count != 1 || v.cookie == "" {
		s.t.Fatalf("a first visit: %+v", a)
	}
	return v, a
}

// insist asks for a page until the store can say.
func (v *visitor) insist(path string) (a answer) {
	v.t.Helper()
	if !within(recovery, func() bool {
		a = v.ask(path)
		return a.status == 200
	}) {
		v.t.Fatalf("%s: status %d for %v", path, a.status, recovery)
	}
	return a
}

// expect asks for a page until the store can say, and checks what is in the session.
func (v *visitor) expect(path string, want answer) {
	v.t.Helper()
	got := v.insist(path)
	want.status, want.token = got.status, got.token
	if got != want {
		v.t.Errorf("%s: %+v, want %+v", path, got, want)
	}
}
