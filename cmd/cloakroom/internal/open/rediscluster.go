//go:build !slim

package open

import "context"

const redisCluster = "Redis Cluster"

// openRedisCluster takes some nodes, which tell the others.
func openRedisCluster(ctx context.Context, url string) (*Opened, error) {
	a, err := parseRedis(url, 6379)
	if err != nil {
		return nil, err
	}
	if a.path != "" && a.path != "0" {
		return nil, wrong(url, "asks for the database %q, and a Cluster has the database 0 only", a.path)
	}
	config, err := redisConfig(a, "redis", "")
	if err != nil {
		return nil, err
	}
	return connectRedis(ctx, config, redisCluster, a.place())
}
