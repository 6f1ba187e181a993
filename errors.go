package cloakroom

import "errors"

var (
	// ErrUnavailable is wrapped by every error that means: the store could not say. The
	// session is as it was, the client keeps its cookie, and the request can be tried
	// again. [Manager.Fail] answers it with 503.
	ErrUnavailable = errors.New("cloakroom: the session store is unavailable")

	// ErrEnded is returned by [Session.Save], [Session.Reload] and the writes of [Direct] when
	// the session was ended meanwhile, or when another request signed in with it. What was pending has
	// been dropped.
	ErrEnded = errors.New("cloakroom: the session was ended by another request")
)
