//go:build unix

package memstore_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store/memstore"
)

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
		cpu := processCPU(b)
		for range cycles {
			runtime.GC()
		}
		b.ReportMetric((processCPU(b)-cpu).Seconds()*1e3/cycles, "gc-ms/cycle")

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

// processCPU is what the process has used. The runtime's own figure for the collector
// counts time in which another process had the processor.
func processCPU(b *testing.B) time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
