package seeds

import "testing"

// socketRows are the cases of express-session 1.0, which socket-session is by another name.
func socketRows() []row {
	return []row{
		{"E1-01", thePartsCanBeReplaced},
		{"E1-02", seenAs(true, here(), "X-Forwarded-Proto: https")},
		{"E1-03", theListOfProtocols},
		{"E1-04", seenAs(false, nil, "X-Forwarded-Proto: https")},
		{"E1-05", named("", "__Host-session")},
		{"E1-06", named("session_id", "session_id")},
		{"E1-07", aValueIsKept},
		{"E1-08", anUnknownTokenBeginsAnew},
		{"E1-09", visitorsHaveSessionsOfTheirOwn},
		{"E1-10", aCounterCounts},
		{"E1-11", theCookieIsSetOnce},
		{"E1-12", destroyEndsTheSession},
		{"E1-13", restartReplacesTheSession},
		{"E1-14", theCookieHasTheAttributesAskedFor},
		{"E1-15", aBrowserSessionCookieHasNoEnd},
		{"E1-16", aBrowserSessionCookieIsSetOnce(nothing)},
		{"E1-17", theDefaultsCanBeOverridden},
		{"E1-18", aSecureCookieIsLostOverPlainHTTP},
		{"E1-19", mounted("GET / HTTP/1.1", false)},
		{"E1-20", mounted("GET http://foo/bar HTTP/1.1", false)},
		{"E1-21", mounted("GET /foo/bar/baz HTTP/1.1", true)},
		{"E1-22", mounted("GET http://example.com/foo/bar/baz HTTP/1.1", true)},
		{"E1-23", maxAgeIsTheLifetime},
		{"E1-24", anotherLifetimeIsAnotherMaxAge},
		{"E1-25", aLongLifetimeIsNotCutOff},
		{"E1-26", anEndCanBeADate},
		{"E1-27", oneSessionForgetsWithTheBrowser},
	}
}

var socketLeftOut = []reason{
	{"E1-28", "net/http has no cookie parser that would check signatures in front: Handler reads the Cookie header itself"},
}

func aCounterCounts(t *testing.T) {
	b := newSite(t).browser()
	for i := range 3 {
		b.with(countUp)
		n := 0
		b.with(counted(&n))
		want(t, "count", n, i+1)
	}
}
