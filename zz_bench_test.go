package cloakroom_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func benchCase(b *testing.B, withCookie bool, h func(m *cloakroom.Manager) http.HandlerFunc) {
	m, _ := cloakroom.New(memstore.New(nil), nil)
	s, _ := m.Open(context.Background())
	for i := range 10 {
		cloakroom.NewKey[string](fmt.Sprint("key", i)).Set(s, strings.Repeat("x", 90))
	}
	tk, _ := m.Commit(context.Background(), s)
	w := &nullWriter{h: http.Header{}}
	req := httptest.NewRequest("GET", "https://example.com/", nil)
	if withCookie {
		req.Header.Set("Cookie", "__Host-session="+tk.Token)
	}
	hh := m.Handler(h(m))
	b.ReportAllocs()
	for b.Loop() {
		clear(w.h)
		hh.ServeHTTP(w, req)
	}
}

var k5 = cloakroom.NewKey[string]("key5")

func BenchmarkUntouched(b *testing.B) {
	benchCase(b, true, func(m *cloakroom.Manager) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { w.Write(nil) }
	})
}

func BenchmarkRead(b *testing.B) {
	benchCase(b, true, func(m *cloakroom.Manager) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			s, _ := m.Load(r.Context())
			if len(k5.Get(s)) < 5 {
				b.Fatal()
			}
			w.Write(nil)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	vals := []string{strings.Repeat("a", 90), strings.Repeat("b", 90)}
	n := 0
	benchCase(b, true, func(m *cloakroom.Manager) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			s, _ := m.Load(r.Context())
			n++
			k5.Set(s, vals[n%2])
			w.Write(nil)
		}
	})
}

func BenchmarkCreate(b *testing.B) {
	benchCase(b, false, func(m *cloakroom.Manager) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			s, _ := m.Load(r.Context())
			k5.Set(s, "hello")
			w.Write(nil)
		}
	})
}
