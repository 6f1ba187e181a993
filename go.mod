module github.com/cloakroom-go/cloakroom

go 1.25.0
