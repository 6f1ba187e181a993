package seeds

import (
	"net/http"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// Edits of pages.
func countUp(s *cloakroom.Session) { count.Update(s, func(n int) int { return n + 1 }) }

func counted(n *int) func(*cloakroom.Session) {
	return func(s *cloakroom.Session) { *n = count.Get(s) }
}

const (
	lax  = http.SameSiteLaxMode
	none = http.SameSiteNoneMode
)

// expressRows are the cases of express-session 1.19.
func expressRows() []row {
	older, newer := twoKeys()
	plain := cloakroom.Config{}
	rolling := cloakroom.Config{RollCookie: cloakroom.RollAlways}
	everybody := cloakroom.Config{KeepEmpty: true}
	everybodyRolling := cloakroom.Config{KeepEmpty: true, RollCookie: cloakroom.RollAlways}
	proxied := cloakroom.Config{TrustedProxies: here()}
	https, http := []string{"X-Forwarded-Proto: https"}, []string{"X-Forwarded-Proto: http"}
	return []row{
		{"E19-01", thePartsCanBeReplaced},
		{"E19-02", aSecondHandlerDoesNothing},
		{"E19-03", noSecretIsNeeded},
		{"E19-05", aValueIsKept},
		{"E19-06", aCounterCounts},
		{"E19-07", aFailedLoadIsAnswered},
		{"E19-08", aSessionThatIsNotThereIsNoFailure},
		{"E19-09", visitorsHaveSessionsOfTheirOwn},
		{"E19-10", anAddressWithoutPathIsServed},
		{"E19-11", savedByTheEnd(endedTwice)},
		{"E19-12", savedByTheEnd(withNothing)},
		{"E19-13", reservedNamesOfTheSeedAreValues},
		{"E19-14", onlyValuesAreListed},
		{"E19-15", aBadIDStoresNothing},
		{"E19-16", aSlowAnswerEndsNoSession},
		{"E19-17", savedByTheEnd(withBody)},
		{"E19-18", savedByTheEnd(withoutBody)},
		{"E19-19", savedByTheEnd(inParts)},
		{"E19-20", savedByTheEnd(withLength)},
		{"E19-21", useMovesTheEnd},
		{"E19-22", anUnknownTokenBeginsAnew},
		{"E19-23", anUnknownTokenBeginsAnew},
		{"E19-24", aForgedTokenReachesNoStore},
		{"E19-25", aForgedTokenReachesNoStore},
		{"E19-26", anExpiredSessionIsGone},
		{"E19-27", anExpiredSessionIsGone},
		{"E19-28", anExpiredSessionIsGone},
		{"E19-29", aMalformedRecordSignsOut},

		{"E19-30", seenAs(true, here(), https...)},
		{"E19-31", theListOfProtocols},
		{"E19-32", seenAs(false, here())},
		{"E19-33", seenAs(false, nil, https...)},
		{"E19-34", theRequestLineIsNotBelieved},
		{"E19-35", seenAs(false, nil, https...)},
		{"E19-36", overTLS},

		{"E19-37", mounted("GET / HTTP/1.1", false)},
		{"E19-38", mounted("GET http://foo/bar HTTP/1.1", false)},
		{"E19-39", mounted("GET /foo/bar HTTP/1.1", true)},
		{"E19-40", mounted("GET /foo/bar/baz HTTP/1.1", true)},
		{"E19-41", stripped("GET /foo/bar HTTP/1.1", true)},
		{"E19-42", stripped("GET /foo/foo/bar HTTP/1.1", false)},
		{"E19-43", seenAs(true, here(), https...)},
		{"E19-44", seenAs(false, nil, https...)},
		{"E19-45", overTLS},
		{"E19-46", seenAs(false, nil)},
		{"E19-47", theCookieComesFromTheRequest},
		{"E19-48", theCookieComesFromTheRequest},
		{"E19-49", sameSite(true, "auto", plain, nil, none, true)},
		{"E19-50", sameSite(false, "auto", plain, nil, lax, false)},
		{"E19-51", sameSite(false, "auto", proxied, https, none, true)},
		{"E19-52", sameSite(false, "auto", proxied, http, lax, false)},
		{"E19-53", sameSite(false, "auto", plain, https, lax, false)},
		{"E19-54", sameSite(true, "auto", plain, nil, none, true)},
		{"E19-55", sameSite(false, "auto", plain, nil, lax, false)},
		{"E19-56", sameSite(true, "false", plain, nil, none, false)},
		{"E19-57", sameSite(false, "false", plain, nil, lax, false)},
		{"E19-58", sameSite(true, "true", plain, nil, none, true)},
		{"E19-59", secureOnlyOverPlainHTTPIsLost},

		{"E19-61", theManagerMakesIDs},
		{"E19-62", theProgramMakesTheIDs},
		{"E19-63", theProgramMakesTheIDs},
		{"E19-64", theProgramMakesTheIDs},
		{"E19-65", named("", "__Host-session")},
		{"E19-66", named("session_id", "session_id")},
		{"E19-67", named("", "__Host-session")},
		{"E19-68", named("session_id", "session_id")},

		{"E19-69", rolled(plain, true, nothing, false, 0, "ada")},
		{"E19-70", rolled(rolling, true, nothing, true, 1, "ada")},
		{"E19-71", rolled(rolling, false, nothing, false, 0, "")},
		{"E19-72", rolled(everybodyRolling, false, nothing, true, 1, "")},
		{"E19-73", rolled(rolling, true, anEdit, true, 1, "lovelace")},
		{"E19-74", anUnchangedSessionIsNotWritten},
		{"E19-75", aForcedSaveWrites},
		{"E19-76", anUnchangedSessionIsNotWritten},
		{"E19-77", rolled(plain, true, anEdit, false, 1, "lovelace")},
		{"E19-78", aFieldCalledCookieIsAValue},
		{"E19-79", aFailedTouchIsAnswered},
		{"E19-80", rolled(plain, false, nothing, false, 0, "")},
		{"E19-81", rolled(everybody, false, nothing, true, 1, "")},
		{"E19-82", rolled(plain, false, nothing, false, 0, "")},
		{"E19-83", rolled(plain, false, anEdit, true, 1, "lovelace")},
		{"E19-84", aFailedSaveIsAnswered(false)},
		{"E19-85", rolled(plain, false, (*cloakroom.Session).Touch, false, 0, "")},

		{"E19-86", weakKeysAreRefused},
		{"E19-87", signedWith(older)},
		{"E19-88", signedWith(newer)},
		{"E19-89", signedWith(newer, older)},
		{"E19-90", signedWith(newer, older)},
		{"E19-91", anOlderKeyStillOpens},
		{"E19-93", skippedEditsAreDropped},
		{"E19-94", destroyEndsTheSession},
		{"E19-95", aSessionNeverSavedIsDestroyedWithoutACookie},
		{"E19-96", aFailedDestroyIsAnError},
		{"E19-97", aWriterOutsideMayWrapTheResponse},
		{"E19-98", aWriterInsideMayWrapTheResponse},

		{"E19-100", aCounterCounts},
		{"E19-101", theCookieIsSetOnce},
		{"E19-102", onlyValuesAreListed},
		{"E19-103", noRequestIsWithoutASession},
		{"E19-104", theSessionIsBackWithTheStore},
		{"E19-105", destroyEndsTheSession},
		{"E19-106", restartReplacesTheSession},
		{"E19-107", reloadShowsWhatOthersSaved},
		{"E19-108", reloadOfAnEndedSessionIsAnError},
		{"E19-110", saveIsNow},
		{"E19-111", savedOnce(true, false)},
		{"E19-112", savedOnce(true, true)},
		{"E19-113", savedOnce(false, false)},
		{"E19-114", touchMovesTheEndNow},

		{"E19-115", theCookieHasTheAttributesAskedFor},
		{"E19-116", aBrowserSessionCookieHasNoEnd},
		{"E19-117", aBrowserSessionCookieIsSetOnce(nothing)},
		{"E19-118", theDefaultsCanBeOverridden},
		{"E19-119", anErrorOfTheCookieIsAnswered},
		{"E19-120", otherCookiesStay},
		{"E19-121", otherCookiesStay},
		{"E19-122", theLifetimeStaysWhatItIs},
		{"E19-123", theLifetimeStaysWhatItIs},
		{"E19-124", theLifetimeStaysWhatItIs},
		{"E19-125", aSecureCookieComesBackOverTLS},
		{"E19-126", aSecureCookieIsLostOverPlainHTTP},
		{"E19-127", maxAgeIsTheLifetime},
		{"E19-128", anotherLifetimeIsAnotherMaxAge},
		{"E19-129", aLongLifetimeIsNotCutOff},
		{"E19-130", anEndCanBeADate},
		{"E19-131", oneSessionForgetsWithTheBrowser},
		{"E19-132", aBrowserSessionCookieIsSetOnce(nothing)},
		{"E19-133", aBrowserSessionCookieIsSetOnce(anEdit)},
		{"E19-134", partitioned(false)},
		{"E19-135", partitioned(false)},
		{"E19-136", partitioned(true)},
		{"E19-137", aValueIsKept},
		{"E19-138", destroyEndsTheSession},
		{"E19-140", aForgedTokenReachesNoStore},
		{"E19-141", aForgedTokenReachesNoStore},
	}
}

var expressLeftOut = []reason{
	{"E19-04", "no middleware in front holds a secret: keys, where a program wants them, stand in Config.Keys"},
	{"E19-60", "a Config.NewID that is no such function does not compile"},
	{"E19-92", "there is no option to unset a session: Clear, Destroy and SkipSave are three methods, and a wrong one does not compile"},
	{"E19-99", "a handler ends its response by returning, which it cannot do twice"},
	{"E19-109", "methods of a Session cannot be replaced by fields of the same name"},
	{"E19-139", "net/http has no cookie parser in front: Handler reads the Cookie header itself"},
	{"E19-142", "net/http has no cookie parser that would check signatures in front: Handler reads the Cookie header itself"},
}

// expressCookieRows are the cases of its Cookie object.
func expressCookieRows() []row {
	return []row{
		{"E19C-01", theZeroCookieWorks},
		{"E19C-02", theZeroCookieWorks},
		{"E19C-03", theZeroCookieWorks},
		{"E19C-04", theZeroCookieWorks},
		{"E19C-05", aBrowserSessionCookieHasNoEnd},
		{"E19C-06", theCookieHasTheAttributesAskedFor},
		{"E19C-09", anEndCanBeADate},
		{"E19C-10", anEndCanBeADate},
		{"E19C-12", lifetimeSetsTheEnd},
		{"E19C-13", maxAgeIsTheLifetime},
		{"E19C-15", badTimesAreRefused},
		{"E19C-16", partitioned(true)},
		{"E19C-17", theDefaultsCanBeOverridden},
	}
}

var expressCookieLeftOut = []reason{
	{"E19C-07", "a Config.Cookie that is no Cookie does not compile"},
	{"E19C-08", "the fields of Cookie are the settings and nothing else, so there is no data to ignore"},
	{"E19C-11", "HttpOnly is always on: a script that can read the token can send it elsewhere (promise: safe by default)"},
	{"E19C-14", "a lifetime is a time.Duration, and a date in its place does not compile"},
	{"E19C-18", "Priority is an attribute of one browser, in no RFC, about which cookies it drops first: a small cookie or two need none"},
}

func theZeroCookieWorks(t *testing.T) {
	a := newSite(t, cloakroom.Config{Cookie: cloakroom.Cookie{}}).browser().set("ada")
	want(t, "HttpOnly", a.cookie.HttpOnly, true)
	want(t, "Path", a.cookie.Path, "/")
	want(t, "Expires", a.cookie.RawExpires, "")
	want(t, "Secure", a.cookie.Secure, true)
	want(t, "SameSite", a.cookie.SameSite, lax)
}

func lifetimeSetsTheEnd(t *testing.T) {
	s := newSite(t)
	s.browser().with(func(session *cloakroom.Session) {
		session.SetLifetime(time.Minute)
		want(t, "the end", session.ExpiresAt(), s.clock.Now().Add(time.Minute))
	})
}
