module github.com/cloakroom-go/cloakroom/store/boltstore

go 1.25.0

require (
	github.com/cloakroom-go/cloakroom v0.0.0
	go.etcd.io/bbolt v1.5.0
)

require golang.org/x/sys v0.45.0 // indirect

replace github.com/cloakroom-go/cloakroom => ../..
