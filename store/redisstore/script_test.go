package redisstore

import (
	"crypto/sha1"
	"encoding/hex"
	"testing"
)

// Redis finds a script by the SHA-1 of its text.
func TestEachScriptHasTheHashOfItsText(t *testing.T) {
	for name, s := range map[string]script{
		"saving": saving, "removal": removal, "entering": entering, "leaving": leaving, "getting": getting, "swapping": swapping,
	} {
		sum := sha1.Sum([]byte(s.text))
		if want := hex.EncodeToString(sum[:]); s.sha != want {
			t.Errorf("%s: the hash is %q, want %q", name, s.sha, want)
		}
	}
}
