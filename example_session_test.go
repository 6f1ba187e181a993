package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/cloakroom-go/cloakroom"
)

// SignIn keeps what an anonymous visitor has collected, and gives the session a new
// secret: the token from before opens nothing any more.
func ExampleSession_SignIn() {
	ctx := context.Background()
	cart := cloakroom.NewKey[[]string]("cart")
	s, err := sessions.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	cart.Set(s, []string{"umbrella"})
	before, err := sessions.Commit(ctx, s)
	if err != nil {
		log.Fatal(err)
	}

	s.SignIn("ada")
	after, err := sessions.Commit(ctx, s)
	if err != nil {
		log.Fatal(err)
	}
	for _, token := range []string{before.Token, after.Token} {
		s, err := sessions.Open(ctx, token)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%q %v\n", s.Owner(), cart.Get(s))
	}
	// Output:
	// "" []
	// "ada" [umbrella]
}

// Destroy is final: a slower request that began before it cannot bring the session back.
func ExampleSession_Destroy() {
	ctx := context.Background()
	note := cloakroom.NewKey[string]("note")
	s, err := sessions.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	s.SignIn("ada")
	client, err := sessions.Commit(ctx, s)
	if err != nil {
		log.Fatal(err)
	}

	slow, err := sessions.Open(ctx, client.Token)
	if err != nil {
		log.Fatal(err)
	}
	if err := s.Destroy(ctx); err != nil {
		log.Fatal(err) // the client is still signed in
	}
	note.Set(slow, "written too late")
	err = slow.Save(ctx)
	fmt.Println(errors.Is(err, cloakroom.ErrEnded))

	s, err = sessions.Open(ctx, client.Token)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.IsNew())
	// Output:
	// true
	// true
}
