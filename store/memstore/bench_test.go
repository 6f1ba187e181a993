package memstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
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

// BenchmarkMillion fills a store with a million anonymous sessions of about 200 bytes of
// user values and reports what one costs in memory, what a cycle of the garbage
// collector costs in CPU, and the longest Load while a tenth of them expires and is
// swept, beside the longest in the same time without.
func BenchmarkMillion(b *testing.B) {
	const records = 1_000_000
	payload := 0
	for name, value := range benchFields(b, 4, 46).All() {
		payload += len(name) + len(value)
	}
	for b.Loop() {
		before := heap()
		now := time.Now()
		clock := &clock{now: now}
		s := memstore.New(&memstore.Options{Now: clock.Now})
		start := time.Now()
		for i := range records {
			end := now.Add(time.Hour)
			if i%10 == 0 {
				end = now.Add(time.Minute)
			}
			// A fresh set each: what records share would not be counted.
			create(b, s, benchKey(i), benchFields(b, 4, 46), end)
		}
		b.ReportMetric(float64(time.Since(start).Nanoseconds())/records, "ns/create")
		b.ReportMetric(float64(heap()-before)/records, "B/session")
		b.ReportMetric(float64(payload), "B/payload")

		const cycles = 5
		cpu := collectorCPU()
		for range cycles {
			runtime.GC()
		}
		b.ReportMetric((collectorCPU()-cpu)*1e3/cycles, "gc-ms/cycle")

		longest := func(during func()) time.Duration {
			done := make(chan struct{})
			go func() { during(); close(done) }()
			var worst time.Duration
			for i := 0; ; i++ {
				select {
				case <-done:
					return worst
				default:
				}
				key := benchKey(rand.IntN(records))
				start := time.Now()
				_, _ = s.Load(context.Background(), key)
				worst = max(worst, time.Since(start))
			}
		}
		var swept time.Duration
		clock.Advance(2 * time.Minute)
		sweeping := longest(func() {
			start := time.Now()
			for range 1000 {
				n, err := s.Sweep(context.Background(), 1000)
				if err != nil {
					b.Error(err)
				}
				if n < 1000 {
					break
				}
			}
			swept = time.Since(start)
		})
		if s.Len() != records-records/10 {
			b.Fatalf("%d records left", s.Len())
		}
		quiet := longest(func() { time.Sleep(swept) })
		b.ReportMetric(swept.Seconds()*1e3, "ms/sweep")
		b.ReportMetric(sweeping.Seconds()*1e3, "ms-stall-sweeping")
		b.ReportMetric(quiet.Seconds()*1e3, "ms-stall-quiet")
		runtime.KeepAlive(s)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func collectorCPU() float64 {
	sample := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}}
	metrics.Read(sample)
	return sample[0].Value.Float64()
}
