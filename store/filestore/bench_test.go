//go:build unix

package filestore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

// fill creates records of a usual size at the keys "0", "1" and so on.
func fill(t testing.TB, s store.Store, n int) {
	t.Helper()
	set := fields(t, "$created", "1767225600000", "$epoch", "1", "$secret", `"`+strings.Repeat("s", 43)+`"`, "visits", "1", "cart", `[{"id":12,"count":1},{"id":40,"count":3}]`)
	for i := range n {
		owner := fmt.Sprintf("user %d", i/3)
		if _, err := s.Save(t.Context(), fmt.Sprint(i), store.Change{Create: true, Set: set, Owner: &owner, ExpiresAt: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	s := open(b, fresh(b), filestore.SyncNone)
	fill(b, s, 1000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := s.Load(b.Context(), fmt.Sprint(i%1000)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSave(b *testing.B) {
	for name, sync := range map[string]filestore.Sync{"SyncFull": filestore.SyncFull, "SyncNone": filestore.SyncNone} {
		s := open(b, fresh(b), sync)
		fill(b, s, 1000)
		b.Run(name+"/one", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := s.Save(b.Context(), fmt.Sprint(i%1000), store.Change{Set: fields(b, "visits", fmt.Sprint(i))}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/64", func(b *testing.B) {
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if _, err := s.Save(b.Context(), fmt.Sprint(i%1000), store.Change{Set: fields(b, "visits", fmt.Sprint(i))}); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
