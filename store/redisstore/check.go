package redisstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// Check asks every server that the client knows, replicas included, whether it is set up
// to keep sessions. The error names each server and what could end sessions before their
// time there: memory that is limited with a policy that evicts what has an expiry, which
// every session has; neither snapshots nor an append-only file, so that a restart signs
// everybody out; fewer replicas than Options.WaitReplicas; a release older than Redis 7.0,
// which this package needs. What cannot be found out, because a server does not answer or
// forbids INFO or CONFIG, is an error too.
//
// It is meant for the start of a program, to be logged or to be fatal. It changes nothing.
func (s *Store) Check(ctx context.Context) error {
	var problems []error
	nodes := s.line.client.Nodes()
	for _, addr := range slices.Sorted(maps.Keys(nodes)) {
		for _, p := range s.checkNode(ctx, nodes[addr]) {
			problems = append(problems, fmt.Errorf("redisstore: check: %s: %w", addr, p))
		}
	}
	return errors.Join(problems...)
}

func (s *Store) checkNode(ctx context.Context, client rueidis.Client) (problems []error) {
	if err := ctx.Err(); err != nil {
		return []error{err}
	}
	node := newLine(client)
	text, err := node.do(ctx, client.B().Info().Build()).ToString()
	if err != nil {
		return []error{fmt.Errorf("it does not answer INFO: %w", outage(ctx, err))}
	}
	report := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	info := parseInfo(text)

	major, _, _ := strings.Cut(info["redis_version"], ".")
	if n, err := strconv.Atoi(major); err != nil || n < 7 {
		report("it is Redis %s: this store needs Redis 7.0 or Valkey 7.2, or newer", info["redis_version"])
	}
	switch policy := info["maxmemory_policy"]; {
	case policy == "":
		report("INFO does not tell maxmemory_policy: see that it is noeviction")
	case policy != "noeviction" && info["maxmemory"] != "0":
		report("maxmemory-policy is %s and maxmemory is %s bytes: when memory is full, sessions are evicted, and so are revocations; set maxmemory-policy to noeviction",
			policy, info["maxmemory"])
	}
	if replicas, _ := strconv.Atoi(info["connected_slaves"]); info["role"] == "master" && replicas < s.options.WaitReplicas {
		report("it has %d replicas and Options.WaitReplicas is %d: sign-outs will fail; add replicas or lower it", replicas, s.options.WaitReplicas)
	}
	if info["aof_enabled"] == "1" {
		return problems
	}
	save, err := node.do(ctx, client.B().ConfigGet().Parameter("save").Build()).AsStrMap()
	switch {
	case err != nil:
		report("it keeps no append-only file, and CONFIG GET save, which would tell whether it takes snapshots, is refused: %w", outage(ctx, err))
	case save["save"] == "":
		report("it keeps neither an append-only file nor snapshots, so a restart ends all sessions: set appendonly yes, or save")
	}
	return problems
}

// parseInfo reads an answer to INFO.
func parseInfo(text string) map[string]string {
	info := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}
