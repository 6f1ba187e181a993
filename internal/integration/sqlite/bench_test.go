package sqlite_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
)

// BenchmarkSave compares 16 writers that share commits with 16 writers of which one at a
// time may save, so that each has a commit of its own. One operation is one Save of one
// field in a record of ten others, about a kilobyte, with the Base that a manager passes.
func BenchmarkSave(b *testing.B) {
	for _, synchronous := range []string{"full", "normal"} {
		b.Run(synchronous+"/1writer", func(b *testing.B) { benchmarkSave(b, synchronous, 1, nil) })
		b.Run(synchronous+"/16grouped", func(b *testing.B) { benchmarkSave(b, synchronous, 16, nil) })
		b.Run(synchronous+"/16alone", func(b *testing.B) { benchmarkSave(b, synchronous, 16, new(sync.Mutex)) })
	}
}

func benchmarkSave(b *testing.B, synchronous string, writers int, alone sync.Locker) {
	s := open(b, openDB(b, dsn(tempFile(b), synchronous)))
	for w := range writers {
		create(b, s, fmt.Sprintf("key%d", w), "u1", kilobyte()...)
	}
	ctx := b.Context()
	var n atomic.Int64
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for w := range writers {
		wg.Go(func() {
			key := fmt.Sprintf("key%d", w)
			rec, err := s.Load(ctx, key)
			if err != nil {
				b.Error(err)
				return
			}
			for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
				set, _ := store.NewFields(store.Field{Name: "visits", Value: fmt.Sprint(i)})
				if alone != nil {
					alone.Lock()
				}
				rec.Version, err = s.Save(ctx, key, store.Change{Base: &rec, Set: set})
				if alone != nil {
					alone.Unlock()
				}
				if err != nil {
					b.Error(err)
					return
				}
				rec.Fields = rec.Fields.With(set)
			}
		})
	}
	wg.Wait()
}

func BenchmarkLoad(b *testing.B) {
	s := open(b, openDB(b, dsn(tempFile(b), "full")))
	for i := range 1000 {
		create(b, s, fmt.Sprintf("key%d", i), "u1", kilobyte()...)
	}
	ctx := b.Context()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if _, err := s.Load(ctx, fmt.Sprintf("key%d", i%1000)); err != nil {
			b.Fatal(err)
		}
	}
}

func kilobyte() []string {
	var pairs []string
	for i := range 10 {
		pairs = append(pairs, fmt.Sprintf("field%d", i), fmt.Sprintf("%q", fmt.Sprintf("%090d", i)))
	}
	return pairs
}
