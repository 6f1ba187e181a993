//go:build !slim

package open

import (
	"context"
	"fmt"
	"strings"
)

// openRedisSentinel takes some sentinels, which tell who the master is. User and password
// are those of the master.
func openRedisSentinel(ctx context.Context, url string) (*Opened, error) {
	a, err := parseRedis(url, 26379)
	if err != nil {
		return nil, err
	}
	master, database, _ := strings.Cut(a.path, "/")
	if master == "" {
		return nil, wrong(url, "does not say by what name the sentinels know the master")
	}
	config, err := redisConfig(a, "redis", database)
	if err != nil {
		return nil, err
	}
	config.Sentinel.MasterSet = master
	return connectRedis(ctx, config, "Redis with Sentinel", fmt.Sprintf("%s, master %s, database %d", a.place(), master, config.SelectDB))
}
