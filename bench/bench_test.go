package main

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
)

// For profiles; ratios are the work of the program itself.
func BenchmarkPeers(b *testing.B) {
	for _, p := range peers {
		b.Run(p.name, func(b *testing.B) {
			s := newStand(p, crowd)
			for _, c := range cases {
				if p.cannot(c) != "" {
					continue
				}
				b.Run(c.name, func(b *testing.B) {
					clients, leave, err := s.ready(c, 1)
					if err != nil {
						b.Fatal(err)
					}
					defer leave()
					b.ReportAllocs()
					for b.Loop() {
						clients[0].send()
					}
				})
			}
		})
	}
}

// As many clients at a time as over loopback, without HTTP.
func BenchmarkStores(b *testing.B) {
	for _, server := range storeServers {
		b.Run(server.name, func(b *testing.B) {
			at := server.start(b)
			for _, p := range storePeers() {
				if p.server != server.name {
					continue
				}
				b.Run(p.name, func(b *testing.B) {
					s, err := p.start(at)
					if err != nil {
						b.Fatal(err)
					}
					defer s.close()
					for _, c := range storeCases {
						if !p.does(c) || c.kind == signIn || c.writers > 0 {
							continue
						}
						b.Run(c.name, func(b *testing.B) { benchmarkStore(b, web{s}, c) })
					}
				})
			}
		})
	}
}

func benchmarkStore(b *testing.B, s web, c *testCase) {
	b.ReportAllocs()
	b.SetParallelism((connections + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		cookie := ""
		if c.cookie {
			var err error
			if cookie, err = signUp(s, c.data); err != nil {
				b.Error(err)
				return
			}
		}
		sent := s.client(task{kind: c.kind, data: c.data, next: in(c.data.others)}, cookie)
		for pb.Next() {
			sent.send()
		}
	})
}

// What it costs Redis to load a session as a string or as a hash: redis-us/op is its own
// CPU time.
func BenchmarkRedisForms(b *testing.B) {
	at := of(servers.Redis(b))
	client, err := newRueidis(at)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	ctx := b.Context()
	for _, data := range []*payload{small, large} {
		size := fmt.Sprintf("%dx%d", len(data.values), len(data.values[0]))
		hash := client.B().Hset().Key("hash" + size).FieldValue()
		for i, name := range data.names {
			hash = hash.FieldValue(name, data.values[i])
		}
		text := client.B().Set().Key("string" + size).Value(strings.Join(data.values, "")).Build()
		for _, r := range client.DoMulti(ctx, hash.Build(), text) {
			if err := r.Error(); err != nil {
				b.Fatal(err)
			}
		}
		for form, load := range map[string]func() rueidis.Completed{
			"string": func() rueidis.Completed { return client.B().Get().Key("string" + size).Build() },
			"hash":   func() rueidis.Completed { return client.B().Hgetall().Key("hash" + size).Build() },
		} {
			b.Run(size+"/"+form, func(b *testing.B) {
				before, err := redisCPU(at.Addr)
				if err != nil {
					b.Fatal(err)
				}
				b.SetParallelism(8)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := client.Do(ctx, load()).Error(); err != nil {
							b.Error(err)
						}
					}
				})
				after, err := redisCPU(at.Addr)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(after-before)/float64(time.Microsecond)/float64(b.N), "redis-us/op")
			})
		}
	}
}
