package memcachestore

import (
	"strings"
	"testing"
)

func TestKeysOfItemsAreLegalAndNeverMeet(t *testing.T) {
	for _, prefix := range []string{defaultPrefix, "a", strings.Repeat("p", maxPrefix)} {
		keys := []string{
			"", "a", "#", "##", "#a", "a#", " ", "a b", "a\n", "a\t", "\x00", "a\x7f", "ü", "u\u0308", "🧥", "$owner",
			strings.Repeat("x", 250), strings.Repeat("x", 251), strings.Repeat("x", 256), strings.Repeat("ü", 128),
			strings.Repeat("x", maxKey-len(prefix)), strings.Repeat("x", maxKey-len(prefix)+1),
		}
		for _, key := range keys {
			keys = append(keys, strings.TrimPrefix(itemKey(prefix, key), prefix)) // a key that looks like an item's
		}
		seen := map[string]string{}
		for _, key := range keys {
			id := itemKey(prefix, key)
			if len(id) > maxKey || !plain(id) || !strings.HasPrefix(id, prefix) {
				t.Errorf("%q: the key of the item is %q", key, id)
			}
			if other, met := seen[id]; met && other != key {
				t.Errorf("%q and %q meet at %q", key, other, id)
			}
			seen[id] = key
		}
	}
}

func TestKeysOfSessionsStayReadable(t *testing.T) {
	if got, want := itemKey(defaultPrefix, "kxTbVb5LAMEbLq1mCdzA"), "cloakroom:kxTbVb5LAMEbLq1mCdzA"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// This is where servers keep what they have. A change of it ends all sessions.
func TestTheKeysOfItemsStay(t *testing.T) {
	if got, want := itemKey(defaultPrefix, "a b"), "cloakroom:#yGh6CKpdbtIEQyj6aml6uOltw0KR6MIDSujDjm_MbWU"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
