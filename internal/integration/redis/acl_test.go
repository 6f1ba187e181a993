package redis_test

import (
	"bufio"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/kvstore"
	"github.com/cloakroom-go/cloakroom/store/kvstore/kvtest"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// The package comment of redisstore says which rights a Redis user needs.
func TestTheRightsOfThePackageCommentAreEnough(t *testing.T) {
	t.Parallel()
	file, err := os.Open("../../../store/redisstore/doc.go")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var rules [][]string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if _, rule, ok := strings.Cut(lines.Text(), "ACL SETUSER "); ok {
			rules = append(rules, strings.Fields(rule))
		}
	}
	if len(rules) != 2 {
		t.Fatalf("the package comment has %d ACL SETUSER", len(rules))
	}
	login := rueidis.ClientOption{Username: rules[0][0], Password: strings.TrimPrefix(rules[0][2], ">")}
	for name, addrs := range map[string][]string{"redis": {sharedRedis(t).Addr()}, "cluster": sharedCluster(t).Addrs()} {
		t.Run(name, func(t *testing.T) {
			option := login
			option.InitAddress = addrs
			options := redisstore.Options{Prefix: "cloakroom:", StaleReads: time.Minute}
			for _, addr := range addrs {
				node := connect(t, rueidis.ClientOption{InitAddress: []string{addr}, ForceSingleClient: true})
				for _, rule := range rules {
					do(t, node, append([]string{"ACL", "SETUSER"}, rule...)...)
				}
			}
			if name == "cluster" {
				options.WaitReplicas = 1
			}
			client := connect(t, option)
			s := newStore(t, client, options)
			storetest.Run(t, func(*testing.T) store.Store { return s })
			kv := newKV(t, client, "cloakroom:kv:")
			kvtest.Run(t, func(*testing.T) kvstore.KV { return kv })
			if err := s.Check(t.Context()); err == nil || strings.Contains(err.Error(), "NOPERM") {
				t.Errorf("Check: %v, want that there is no persistence", err)
			}
			if err := client.Do(t.Context(), client.B().Get().Key("elsewhere").Build()).Error(); err == nil || rueidis.IsRedisNil(err) {
				t.Errorf("the user can read what is none of theirs: %v", err)
			}
			if err := client.Do(t.Context(), client.B().Flushall().Build()).Error(); err == nil {
				t.Error("the user can delete everything")
			}
		})
	}
}
