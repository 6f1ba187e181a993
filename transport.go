package cloakroom

import (
	"iter"
	"net/http"
	"time"
)

// A Transport is how tokens travel between client and server. The default is a cookie.
// Implementations must be safe for concurrent use.
//
// A Transport may also have a method Vary() string that names the request header it
// reads: it is then listed in the Vary header of responses that depend on a session.
type Transport interface {
	// Tokens yields what may be tokens in r, in the order in which to try them. They may
	// be anything: the [TokenScheme] tells. The manager looks at the first few only.
	Tokens(r *http.Request) iter.Seq[string]
	// Send hands the ticket to the client by way of w.Header(), which it must do before it
	// returns. It replaces what an earlier Send of the same response did, and must touch
	// nothing that others have set. An error fails the request.
	Send(w http.ResponseWriter, r *http.Request, t Ticket) error
}

// Ticket is what a commit has for the client.
type Ticket struct {
	// Token is what the client is to carry, also when Send is false because it does so
	// already. It is "" while there is no stored session.
	Token string
	// Expires is when the client may throw it away; zero means at the end of its own
	// session, as browsers have it. The server decides by its own times anyway.
	Expires time.Time
	// Send: the client does not have the Token yet, or has it with another Expires.
	Send bool
	// Clear: the client is to forget its token.
	Clear bool
}
