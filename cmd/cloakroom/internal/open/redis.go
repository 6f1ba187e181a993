//go:build !slim

package open

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

// redisParams are what the driver takes from a URL, but for the ones that say where the
// server is.
var redisParams = []string{"client_cache", "client_name", "dial_timeout", "max_retries", "protocol", "skip_verify", "write_timeout"}

func openRedis(ctx context.Context, url string) (*Opened, error) {
	a, err := parseRedis(url, 6379)
	if err != nil {
		return nil, err
	}
	if err := a.one(); err != nil {
		return nil, err
	}
	scheme, _, _ := strings.Cut(url, ":")
	config, err := redisConfig(a, scheme, a.path)
	if err != nil {
		return nil, err
	}
	// A node of a Cluster sends clients to the others, so it is asked what it is.
	return connectRedis(ctx, config, "Redis", fmt.Sprintf("%s, database %d", a.place(), config.SelectDB))
}

func parseRedis(url string, port int) (*address, error) {
	a, err := parse(url, port)
	if err != nil {
		return nil, err
	}
	return a, a.allow(redisParams...)
}

// redisConfig has the driver read the parameters.
func redisConfig(a *address, scheme, database string) (rueidis.ClientOption, error) {
	config, err := rueidis.ParseURL(scheme + "://" + a.hosts[0] + "?" + a.query)
	if err != nil {
		return config, wrong(a.url, "is refused by the driver (%v)", err)
	}
	config.InitAddress = a.hosts
	config.Username, config.Password = a.user, a.password
	if database != "" {
		if config.SelectDB, err = strconv.Atoi(database); err != nil || config.SelectDB < 0 {
			return config, wrong(a.url, "has %q where the number of a database can be", database)
		}
	}
	return config, nil
}

// connectRedis returns the store when the server has answered.
func connectRedis(ctx context.Context, config rueidis.ClientOption, kind, place string) (*Opened, error) {
	client, err := within(ctx, func() (rueidis.Client, error) { return rueidis.NewClient(config) }, rueidis.Client.Close)
	if err != nil {
		return nil, fail(kind, place, err, redisRemedy(err, config))
	}
	if kind == redisCluster && client.Mode() != rueidis.ClientModeCluster {
		client.Close()
		return nil, fail(kind, place, errors.New("the server is not in cluster mode"), "write redis:// for redis+cluster://")
	}
	sessions, err := redisstore.New(client, nil)
	if err == nil {
		err = sessions.Ping(ctx)
	}
	if err != nil {
		client.Close()
		return nil, fail(kind, place, err, redisRemedy(err, config))
	}
	return &Opened{
		Store: sessions,
		Kind:  kind,
		Place: kind + " at " + place,
		close: func() error {
			client.Close()
			return nil
		},
	}, nil
}

func redisRemedy(err error, config rueidis.ClientOption) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "WRONGPASS"), strings.Contains(text, "without any password configured"):
		return "write the right password into the URL, redis://:PASSWORD@HOST or redis://USER:PASSWORD@HOST"
	case strings.Contains(text, "NOAUTH"):
		return "write the password into the URL, redis://:PASSWORD@HOST or redis://USER:PASSWORD@HOST"
	case strings.Contains(text, "No such master"):
		return "write the name by which the sentinels know the master, redis+sentinel://HOST,HOST/MASTER"
	case strings.Contains(text, "NOPERM"):
		return fmt.Sprintf("let the user do that, with: ACL SETUSER %s +@all ~*", config.Username)
	case config.TLSConfig != nil && errors.Is(err, context.DeadlineExceeded):
		return "no answer came in time; look whether the server speaks TLS there, and if not, write redis:// for rediss://"
	case strings.Contains(text, "DB index is out of range"):
		return "write a lower number after the host, such as redis://HOST/0, or raise databases in redis.conf"
	}
	return ""
}
