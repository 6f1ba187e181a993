module github.com/cloakroom-go/cloakroom/store/memcachestore

go 1.25.0

require github.com/cloakroom-go/cloakroom v0.0.0

require github.com/bradfitz/gomemcache v0.0.0-20260422231931-4d751bb6e37c

replace github.com/cloakroom-go/cloakroom => ../..
