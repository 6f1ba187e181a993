package open

import (
	"strings"
	"testing"
)

func TestHiddenURLsHoldNoPassword(t *testing.T) {
	const password = "s3cr:et/p@ss?w#rd%zz"
	for _, form := range []string{
		"redis://:PASSWORD@localhost:6379/0",
		"redis://alice:PASSWORD@localhost",
		"postgres://alice:PASSWORD@localhost/db?sslmode=disable",
		"postgres://localhost/db?user=alice&password=PASSWORD",
		"mongodb://alice:PASSWORD@a:1,b:2/db?tlsCertificateKeyFilePassword=PASSWORD",
		"alice:PASSWORD@tcp(localhost:3306)/db",
		"redis:PASSWORD@localhost",
		"nonsense://alice:PASSWORD@localhost",
		"redis://alice:PASSWORD@",
	} {
		text := hide(strings.ReplaceAll(form, "PASSWORD", password))
		for _, part := range []string{"s3cr", "et/", "p@", "ss?", "w#", "rd%"} {
			if strings.Contains(text, part) {
				t.Errorf("%s becomes %s, with %q in it", form, text, part)
			}
		}
	}
	for url, want := range map[string]string{
		"redis://alice:p@host:1/0":                "redis://alice:xxxxx@host:1/0",
		"redis://alice@host":                      "redis://alice@host",
		"postgres://alice:secret/db":              "postgres://alice:xxxxx/db", // no host
		"redis://:secret":                         "redis://:xxxxx",
		"redis://alice:p?a=b@c":                   "redis://alice:xxxxx@...",
		"host=localhost password=p dbname=x":      "host=localhost password=xxxxx dbname=x",
		"mysql://host/db?x=1":                     "mysql://host/db?...",
		"redis+cluster://a:7000,b:7001,[::1]:7/0": "redis+cluster://a:7000,b:7001,[::1]:7/0",
		"sqlite:a@b.db":                           "sqlite:xxxxx@b.db",
		"sessions.db":                             "sessions.db",
	} {
		if got := hide(url); got != want {
			t.Errorf("hide(%q) = %q, want %q", url, got, want)
		}
	}
}
