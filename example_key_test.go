package cloakroom_test

import (
	"context"
	"fmt"
	"log"
	"sync"

	"github.com/cloakroom-go/cloakroom"
)

func ExampleNewKey() {
	type profile struct {
		Name  string `json:"name"`
		Likes []string
	}
	// As a rule a package variable: var Profile = cloakroom.NewKey[profile]("profile").
	key := cloakroom.NewKey[profile]("profile")

	s, err := sessions.Open(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	key.Set(s, profile{Name: "Ada", Likes: []string{"looms"}})
	fmt.Println(key.Get(s).Name)
	fmt.Println(s.Raw("profile"))
	// Output:
	// Ada
	// {"name":"Ada","Likes":["looms"]} true
}

// Of 20 requests that add one each at the same time, none is lost.
func ExampleKey_Update() {
	ctx := context.Background()
	count := cloakroom.NewKey[int]("count")
	add := func(n int) int { return n + 1 }

	s, err := sessions.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(count.Update(s, add))
	client, err := sessions.Commit(ctx, s)
	if err != nil {
		log.Fatal(err)
	}

	var requests sync.WaitGroup
	for range 20 {
		requests.Go(func() {
			s, err := sessions.Open(ctx, client.Token)
			if err != nil {
				log.Fatal(err)
			}
			count.Update(s, add)
			if _, err := sessions.Commit(ctx, s); err != nil {
				log.Fatal(err)
			}
		})
	}
	requests.Wait()

	s, err = sessions.Open(ctx, client.Token)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(count.Get(s))
	// Output:
	// 1
	// 21
}

// A one-time code works once, even when it is sent twice at the same moment: Save fails
// for all requests but one.
func ExampleKey_Pop() {
	ctx := context.Background()
	code := cloakroom.NewKey[string]("code")
	s, err := sessions.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	code.Set(s, "4711")
	client, err := sessions.Commit(ctx, s)
	if err != nil {
		log.Fatal(err)
	}

	redeem := func(s *cloakroom.Session) string {
		if _, ok := code.Pop(s); !ok {
			return "no code"
		}
		if err := s.Save(ctx); err != nil {
			return "too late"
		}
		return "accepted"
	}
	first, err := sessions.Open(ctx, client.Token)
	if err != nil {
		log.Fatal(err)
	}
	second, err := sessions.Open(ctx, client.Token)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(redeem(first))
	fmt.Println(redeem(second))
	// Output:
	// accepted
	// too late
}
