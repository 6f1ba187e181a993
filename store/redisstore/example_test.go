package redisstore_test

import (
	"context"
	"log"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

func ExampleNew() {
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress:      []string{"127.0.0.1:6379"},
		ConnWriteTimeout: 2 * time.Second,
		MaxFlushDelay:    100 * time.Microsecond,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	sessions, err := redisstore.New(client, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := sessions.Check(context.Background()); err != nil {
		log.Print(err) // what could end sessions before their time
	}
}

// With a Cluster of masters that have one replica each, no failover undoes a sign-out.
func ExampleNew_cluster() {
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress:      []string{"10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379"},
		ConnWriteTimeout: 2 * time.Second,
		MaxFlushDelay:    100 * time.Microsecond,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if _, err := redisstore.New(client, &redisstore.Options{WaitReplicas: 1}); err != nil {
		log.Fatal(err)
	}
}

// Sentinels tell which server is the master.
func ExampleNew_sentinel() {
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress:      []string{"10.0.0.1:26379", "10.0.0.2:26379", "10.0.0.3:26379"},
		ConnWriteTimeout: 2 * time.Second,
		MaxFlushDelay:    100 * time.Microsecond,
		Sentinel:         rueidis.SentinelOption{MasterSet: "sessions", TopologyRefreshInterval: 5 * time.Second},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if _, err := redisstore.New(client, nil); err != nil {
		log.Fatal(err)
	}
}
