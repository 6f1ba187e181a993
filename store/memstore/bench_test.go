package memstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// benchKey has the length of the manager's keys.
func benchKey(i int) string { return fmt.Sprintf("key-%016d", i) }

// benchFields has the manager's own fields and count values of size bytes each.
func benchFields(tb testing.TB, count, size int) store.Fields {
	pairs := []string{"$created", "1763683200000", "$secret", `"` + strings.Repeat("s", 43) + `"`}
	for i := range count {
		pairs = append(pairs, "name"+strconv.Itoa(i), `"`+strings.Repeat("v", size-2)+`"`)
	}
	return fields(tb, pairs...)
}

func eachKind(b *testing.B, bench func(b *testing.B, s *memstore.Store)) {
	b.Run("unbounded", func(b *testing.B) { bench(b, memstore.New(nil)) })
	b.Run("bounded", func(b *testing.B) {
		bench(b, memstore.New(&memstore.Options{MaxRecords: 1 << 20, MaxBytes: 1 << 30}))
	})
}

const benchRecords = 10_000

func fill(b *testing.B, s *memstore.Store) (keys []string) {
	values := benchFields(b, 8, 100)
	for i := range benchRecords {
		keys = append(keys, benchKey(i))
		create(b, s, keys[i], values, time.Now().Add(time.Hour))
	}
	return keys
}

func BenchmarkLoad(b *testing.B) {
	eachKind(b, func(b *testing.B, s *memstore.Store) {
		keys := fill(b, s)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := rand.IntN(benchRecords); pb.Next(); i++ {
				if _, err := s.Load(context.Background(), keys[i%benchRecords]); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

func BenchmarkLoadOfNothing(b *testing.B) {
	eachKind(b, func(b *testing.B, s *memstore.Store) {
		fill(b, s)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Load(context.Background(), "nobody-has-this-key!"); err == nil {
				b.Fatal("found")
			}
		}
	})
}

func BenchmarkSaveOneOfTenFields(b *testing.B) {
	eachKind(b, func(b *testing.B, s *memstore.Store) {
		keys := fill(b, s)
		changes := []store.Change{
			{Set: fields(b, "name3", `"`+strings.Repeat("a", 98)+`"`)},
			{Set: fields(b, "name3", `"`+strings.Repeat("b", 98)+`"`)},
		}
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := rand.IntN(benchRecords); pb.Next(); i++ {
				if _, err := s.Save(context.Background(), keys[i%benchRecords], changes[i%2]); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

func BenchmarkCreateAndDelete(b *testing.B) {
	eachKind(b, func(b *testing.B, s *memstore.Store) {
		fill(b, s)
		values := benchFields(b, 8, 100)
		change := store.Change{Create: true, Set: values, ExpiresAt: time.Now().Add(time.Hour)}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Save(context.Background(), "key-that-comes-and-g", change); err != nil {
				b.Fatal(err)
			}
			if err := s.Delete(context.Background(), "key-that-comes-and-g"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
