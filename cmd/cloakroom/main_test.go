package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestCommandLineMistakesExitWithTwo(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "Usage: cloakroom <command>"},
		{[]string{"dmeo"}, `unknown command "dmeo"`},
		{[]string{"demo", "-port", "80"}, "flag provided but not defined: -port"},
		{[]string{"demo", "now"}, `unexpected argument "now"`},
		{[]string{"demo", "-store", "oracle://localhost"}, `"oracle://localhost" names no kind of store that is known: use memory:, file:DIR, sqlite:PATH, bolt:PATH, postgres://HOST/DATABASE, `},
		{[]string{"demo", "-store", "sessions.db"}, `"sessions.db" is not the URL of a store: use memory:, file:DIR, `},
		{[]string{"demo", "-store", "sqlite:"}, `"sqlite:" names no file: use memory:, file:DIR, `},
	} {
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), c.args, &stdout, &stderr)
		if code != exitUsage || !strings.Contains(stderr.String(), c.want) || stdout.Len() > 0 {
			t.Errorf("cloakroom %q: code %d, stdout %q, stderr %q, want code %d and on stderr %q",
				c.args, code, stdout.String(), stderr.String(), exitUsage, c.want)
		}
	}
}

func TestHelpExitsWithZero(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"help"}, "  demo   serve a tour"},
		{[]string{"--help"}, "  demo   serve a tour"},
		{[]string{"demo", "-h"}, "keep sessions in STORE: memory:, file:DIR, sqlite:PATH, bolt:PATH, postgres://"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), c.args, &stdout, &stderr)
		if code != 0 || !strings.Contains(stdout.String(), c.want) || stderr.Len() > 0 {
			t.Errorf("cloakroom %q: code %d, stdout %q, stderr %q, want code 0 and on stdout %q",
				c.args, code, stdout.String(), stderr.String(), c.want)
		}
	}
}
