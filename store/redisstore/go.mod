module github.com/cloakroom-go/cloakroom/store/redisstore

go 1.25.0

require (
	github.com/cloakroom-go/cloakroom v0.0.0
	github.com/redis/rueidis v1.0.79
)

require golang.org/x/sys v0.47.0 // indirect

replace github.com/cloakroom-go/cloakroom => ../..
