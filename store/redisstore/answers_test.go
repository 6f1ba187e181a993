package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
)

func isAnswer(err error) bool {
	for _, answer := range []error{store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrMalformed} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}

// callAll makes every call, and returns their errors.
func callAll(t *testing.T, answer func(words []string) string) map[string]error {
	t.Helper()
	client := newFake(t, answer)
	s, err := New(client, nil)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := NewKV(client, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	errs := map[string]error{}
	_, errs["Load"] = s.Load(ctx, "k")
	_, errs["LoadFields"] = s.LoadFields(ctx, "k", "a")
	_, errs["Save"] = s.Save(ctx, "k", store.Change{})
	owner := "alice"
	_, errs["Save of an owner"] = s.Save(ctx, "k", store.Change{Owner: &owner, ExpiresAt: time.Now().Add(time.Hour)})
	errs["Delete"] = s.Delete(ctx, "k")
	errs["Ping"] = s.Ping(ctx)
	for _, err := range s.List(ctx) {
		errs["List"] = err
	}
	for _, err := range s.ListOwner(ctx, "alice") {
		errs["ListOwner"] = err
	}
	_, errs["Get"] = kv.Get(ctx, "k")
	errs["CompareAndSwap"] = kv.CompareAndSwap(ctx, "k", nil, kvstore.Entry{})
	errs["KV.Delete"] = kv.Delete(ctx, "k")
	errs["Check"] = s.Check(ctx)
	return errs
}

// Whatever Redis refuses for, it is an outage, and none is taken for "there is no such
// session".
func TestARefusalIsAnOutageAndSaysWhy(t *testing.T) {
	for _, refusal := range []string{
		"LOADING Redis is loading the dataset in memory",
		"READONLY You can't write against a read only replica.",
		"CLUSTERDOWN The cluster is down",
		"TRYAGAIN Multiple keys request during rehashing of slot",
		"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
		"OOM command not allowed when used memory > 'maxmemory'.",
		"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
		"NOREPLICAS Not enough good replicas to write.",
		"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
		"NOAUTH Authentication required.",
		"NOPERM this user has no permissions to run the command",
		"ERR unknown command",
		"MOVED 1 127.0.0.1:1",
		"ASK 1 127.0.0.1:1",
	} {
		for call, err := range callAll(t, func([]string) string { return "-" + refusal + "\r\n" }) {
			word, _, _ := strings.Cut(strings.TrimPrefix(refusal, "ERR "), " ")
			if err == nil || isAnswer(err) || !strings.Contains(err.Error(), word) || !strings.HasPrefix(err.Error(), "redisstore: ") {
				t.Errorf("%s when Redis says %.20s: the error is %v", call, refusal, err)
			}
		}
	}
}

// No answer, however strange, is believed or makes a call panic.
func TestAStrangeAnswerIsAnError(t *testing.T) {
	for _, strange := range []string{
		"+OK\r\n", ":7\r\n", ":-9\r\n", "_\r\n", "*0\r\n", "$0\r\n\r\n", bulk("17"),
		array("_\r\n"), array("_\r\n", "_\r\n"), array("_\r\n", "_\r\n", "_\r\n"), array(bulk("x"), bulk("y")),
		array(":1\r\n", ":2\r\n", ":3\r\n"), array(bulk("x"), bulk("y"), bulk("z")), array(bulk("0"), "_\r\n"),
		"%1\r\n" + bulk("") + bulk("17"), "%1\r\n" + bulk("a") + bulk("1"), "%1\r\n:1\r\n:2\r\n",
		array(array(array())), "#t\r\n", ",1.5\r\n",
	} {
		for call, err := range callAll(t, func([]string) string { return strange }) {
			if err != nil && !strings.HasPrefix(err.Error(), "redisstore: ") {
				t.Errorf("%s when the answer is %q: %v", call, strange, err)
			}
			if err == nil && (call == "Load" || call == "LoadFields" || call == "Get" || call == "Check") {
				t.Errorf("%s takes the answer %q", call, strange)
			}
		}
	}
}

func TestAnOldServerIsNamed(t *testing.T) {
	const old = "-ERR Error compiling script (new function): user_script:1: unexpected symbol near '#'\r\n"
	s, err := New(newFake(t, func([]string) string { return old }), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(t.Context(), "k", store.Change{}); err == nil || !strings.Contains(err.Error(), "Redis 7.0") {
		t.Errorf("Save: %v", err)
	}
}

// A version that the script did not make is none.
func TestSaveTakesNoVersionThatCannotBe(t *testing.T) {
	for _, answer := range []string{":0\r\n", ":-9\r\n", array(":0\r\n", bulk("1"), bulk("alice")), array(":-1\r\n", bulk("1"), bulk("alice"))} {
		s, err := New(newFake(t, func([]string) string { return answer }), nil)
		if err != nil {
			t.Fatal(err)
		}
		if version, err := s.Save(t.Context(), "k", store.Change{}); err == nil {
			t.Errorf("the answer %q is taken for version %d", answer, version)
		}
	}
}

// Redis would close the connection, and what was written before it would stay.
func TestAValueThatIsTooLongIsRefusedWithBothSizes(t *testing.T) {
	defer func(n int) { maxBytes = n }(maxBytes)
	maxBytes = 1 << 20
	sent := 0
	client := newFake(t, func([]string) string { sent++; return ":1\r\n" })
	s, err := New(client, nil)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := NewKV(client, nil)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", maxBytes+1)
	set, err := store.NewFields(store.Field{Name: "photo", Value: long})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Save(t.Context(), "k", store.Change{Set: set})
	for call, err := range map[string]error{"Save": err, "CompareAndSwap": kv.CompareAndSwap(t.Context(), "k", nil, kvstore.Entry{Value: long})} {
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint(maxBytes+1)) || !strings.Contains(err.Error(), fmt.Sprint(maxBytes)) {
			t.Errorf("%s: the error is %v, want both sizes", call, err)
		}
	}
	if sent > 0 {
		t.Errorf("%d commands were sent", sent)
	}
}
