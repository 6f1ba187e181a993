package main

import "testing"

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
