package open

import (
	"slices"
	"testing"
)

func TestAddressesAreTakenApart(t *testing.T) {
	a, err := parse("redis+sentinel://alice:p%40ss%2Fword@one,two:2000,[::1],[fe80::1]:3/main%20db/1?a=b&c=%2F", 26379)
	if err != nil {
		t.Fatal(err)
	}
	if a.user != "alice" || a.password != "p@ss/word" || !a.given {
		t.Errorf("user %q, password %q", a.user, a.password)
	}
	if want := []string{"one:26379", "two:2000", "[::1]:26379", "[fe80::1]:3"}; !slices.Equal(a.hosts, want) {
		t.Errorf("hosts %q, want %q", a.hosts, want)
	}
	if a.path != "main db/1" || a.params.Get("a") != "b" || a.params.Get("c") != "/" {
		t.Errorf("path %q, parameters %v", a.path, a.params)
	}
	if a, err := parse("redis://localhost", 6379); err != nil || a.given || a.path != "" || a.place() != "localhost:6379" {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestAddressesThatCannotBeReadAreRefused(t *testing.T) {
	for _, url := range []string{
		"redis:localhost", "redis://", "redis://:6379", "redis://host:port", "redis://host:0", "redis://host:65536", "redis://host:-1",
		"redis://a,,b", "redis://a:1:2", "redis://::1", "redis://user:pa/ss@host", "redis://user:pa?ss@host", "redis://user:pa#ss@host",
		"redis://user:%zz@host", "redis://%@host", "redis://host/%zz", "redis://host?a=%zz", "redis://host?a;b", "redis://host#fragment",
	} {
		if a, err := parse(url, 1); err == nil {
			t.Errorf("%q is taken apart: %+v", url, a)
		}
	}
}
