package redis_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/internal/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

// replicated starts a master with two replicas.
func replicated(t testing.TB, start func(testing.TB, ...servers.Mode) *servers.Server) (master *servers.Server, replicas []*servers.Server, client rueidis.Client) {
	t.Helper()
	master = start(t)
	host, port, _ := strings.Cut(master.Addr(), ":")
	for range 2 {
		r := start(t)
		replicas = append(replicas, r)
		do(t, toServer(t, r.Addr()), "REPLICAOF", host, port)
	}
	client = toServer(t, master.Addr())
	await(t, "two replicas", func() bool {
		info, _ := client.Do(t.Context(), client.B().Info().Section("replication").Build()).ToString()
		return strings.Count(info, "state=online") == 2
	})
	return master, replicas, client
}

func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestWhatOpensOrEndsASessionWaitsForReplicas(t *testing.T) {
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			waitsForReplicas(t, start)
		})
	}
}

func waitsForReplicas(t *testing.T, start func(testing.TB, ...servers.Mode) *servers.Server) {
	master, replicas, client := replicated(t, start)
	ctx := t.Context()
	s := newStore(t, client, redisstore.Options{WaitReplicas: 2, WaitTimeout: 300 * time.Millisecond})
	owner := "alice"
	secret := store.Change{Set: fields("$secret", `"x"`)}
	create := store.Change{Create: true, Set: secret.Set, ExpiresAt: inAnHour()}
	signIn := store.Change{Set: fields("$secret", `"y"`, "$epoch", "1"), Owner: &owner, ExpiresAt: inAnHour()}
	patient := newStore(t, client, redisstore.Options{WaitReplicas: 2, WaitTimeout: time.Minute})
	for _, key := range []string{"k", "other", "third"} {
		save(t, patient, key, create)
	}

	for _, r := range replicas[1:] {
		r.Pause()
		defer r.Resume()
	}
	for what, c := range map[string]store.Change{
		"a new secret": secret, "a new epoch": {Set: fields("$epoch", "2")}, "no epoch": {Unset: []string{"$epoch"}}, "a sign-in": signIn,
		"a sign-in that keeps the expiry": {Set: fields("$epoch", "3"), Owner: &owner},
	} {
		_, err := s.Save(ctx, "k", c)
		if !errors.Is(err, redisstore.ErrTooFewReplicas) || isAnswer(err) || !strings.Contains(err.Error(), "1 of 2") {
			t.Errorf("Save of %s: the error is %v, want one that says 1 of 2 and wraps %v", what, err, redisstore.ErrTooFewReplicas)
		}
	}
	_, err := s.Save(ctx, "new", create)
	isError(t, "Create", err, redisstore.ErrTooFewReplicas)
	_, err = s.Save(ctx, "$own", store.Change{Create: true, ExpiresAt: inAnHour()})
	isError(t, "Save of one of the manager's own records", err, redisstore.ErrTooFewReplicas)
	isError(t, "Delete", s.Delete(ctx, "other"), redisstore.ErrTooFewReplicas)
	// The record is gone here, but one replica has it still: a second Delete, also that of
	// another process, does not say that all is done.
	isError(t, "the second Delete", s.Delete(ctx, "other"), redisstore.ErrTooFewReplicas)
	elsewhere := newStore(t, toServer(t, master.Addr()), redisstore.Options{WaitReplicas: 2, WaitTimeout: 300 * time.Millisecond})
	isError(t, "the Delete of another process", elsewhere.Delete(ctx, "other"), redisstore.ErrTooFewReplicas)

	// What changes nothing needs nobody, and what decides nothing waits for nobody.
	_, err = s.Save(ctx, "third", store.Change{If: []store.Condition{{Name: "$secret", Value: "0"}}, Set: secret.Set})
	isError(t, "Save with a condition that does not hold", err, store.ErrConflict)
	_, err = s.Save(ctx, "nothing", secret)
	isError(t, "Save of a missing record", err, store.ErrNotFound)
	_, err = s.Save(ctx, "third", create)
	isError(t, "Create over a record", err, store.ErrExists)
	save(t, s, "third", store.Change{Set: fields("visits", "1"), ExpiresAt: inAnHour()})

	// The end of a context comes before that of the patience.
	s = newStore(t, client, redisstore.Options{WaitReplicas: 2, WaitTimeout: time.Hour})
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	if err := s.Delete(short, "third"); err == nil || isAnswer(err) {
		t.Errorf("Delete with a short context: %v, want an outage", err)
	}
	gone, cancel := context.WithCancel(ctx)
	time.AfterFunc(100*time.Millisecond, cancel)
	isError(t, "Delete by a client that leaves", s.Delete(gone, "third"), context.Canceled)

	for _, r := range replicas[1:] {
		r.Resume()
	}
	save(t, patient, "fine", create)
	if err := patient.Delete(ctx, "fine"); err != nil {
		t.Error(err)
	}
}

// Calls that wait do not hold up those that do not: they have connections of their own.
func TestWaitingHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	_, replicas, client := replicated(t, servers.Redis)
	s := newStore(t, client, redisstore.Options{WaitReplicas: 2, WaitTimeout: time.Hour})
	create := store.Change{Create: true, Set: fields("a", "1"), ExpiresAt: inAnHour()}
	save(t, s, "k", create)
	replicas[0].Pause()
	defer replicas[0].Resume()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	for range 20 {
		go func() { done <- s.Delete(ctx, "other") }()
	}
	await(t, "all to wait", func() bool { return strings.Contains(do(t, client, "INFO", "clients"), "blocked_clients:20\r") })
	save(t, s, "k", store.Change{Set: fields("a", "2")})
	if _, err := s.Load(t.Context(), "k"); err != nil {
		t.Error(err)
	}
	cancel()
	for range 20 {
		isError(t, "a Delete that waits", <-done, context.Canceled)
	}
}
