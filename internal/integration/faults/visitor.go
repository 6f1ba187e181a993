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
	a := v.ask("/add")
	if a.status != 200 || a.count != 1 || v.cookie == "" {
		s.t.Fatalf("a first visit: %+v", a)
	}
	return v, a
}

// expect asks for a page until the store can say, and checks what is in the session.
func (v *visitor) expect(path string, want answer) {
	v.t.Helper()
	want.status = 200
	var got answer
	within(recovery, func() bool {
		got = v.ask(path)
		return got.status == 200
	})
	got.token = ""
	if got != want {
		v.t.Errorf("%s: %+v, want %+v", path, got, want)
	}
}
