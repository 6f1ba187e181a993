package main

import (
	"runtime"
	"testing"
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
