package cloakroom_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// Without HTTP, a program carries the token itself: here for a chat that sends it with
// every message.
func ExampleManager_Open() {
	ctx := context.Background()
	lines := cloakroom.NewKey[int]("lines")
	answer := func(token, line string) (reply, newToken string) {
		s, err := sessions.Open(ctx, token)
		if err != nil {
			return "Please try again later.", token
		}
		n := lines.Update(s, func(n int) int { return n + 1 })
		ticket, err := sessions.Commit(ctx, s)
		if err != nil {
			return "Please try again later.", token
		}
		if ticket.Send || ticket.Clear {
			token = ticket.Token
		}
		return fmt.Sprintf("line %d: %s", n, line), token
	}

	var token, reply string
	for _, line := range []string{"hello", "good-bye"} {
		reply, token = answer(token, line)
		fmt.Println(reply)
	}
	// Output:
	// line 1: hello
	// line 2: good-bye
}

// Commit says what the client must be told: at first its token, and nothing as long as
// that does not change.
func ExampleManager_Commit() {
	ctx := context.Background()
	lines := cloakroom.NewKey[int]("lines")
	s, err := sessions.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, edit := range []func(){
		func() { lines.Set(s, 1) },
		func() { lines.Set(s, 2) },
		func() { s.Renew() },
	} {
		edit()
		ticket, err := sessions.Commit(ctx, s)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("send:", ticket.Send)
	}
	// Output:
	// send: true
	// send: false
	// send: true
}

func ExampleConfig() {
	sessions, err := cloakroom.New(memstore.New(nil), &cloakroom.Config{
		IdleTimeout: 30 * time.Minute,
		Lifetime:    12 * time.Hour,
		Cookie:      cloakroom.Cookie{SameSite: http.SameSiteStrictMode},
	})
	fmt.Println(sessions != nil, err)

	// Values that contradict each other are refused.
	_, err = cloakroom.New(memstore.New(nil), &cloakroom.Config{
		IdleTimeout: 12 * time.Hour,
		Lifetime:    30 * time.Minute,
	})
	fmt.Println(err)
	// Output:
	// true <nil>
	// cloakroom: Config.Lifetime (30m0s) is shorter than Config.IdleTimeout (12h0m0s): raise Lifetime or lower IdleTimeout
}
