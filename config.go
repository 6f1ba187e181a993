package cloakroom

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloakroom-go/cloakroom/store"
)

// NoTimeout turns the idle timeout off: Config.IdleTimeout and
// [Session.SetIdleTimeout] take it. A lifetime always has an end.
const NoTimeout = time.Duration(math.MaxInt64)

// Config is what a [Manager] can be told. The zero Config, or nil, is secure. [New]
// copies and checks it: values that contradict each other are refused, and a value
// that is not set adapts to those that are.
type Config struct {
	// Cookie shapes the cookie. It is not used when Transport is set.
	Cookie Cookie

	// CookieFor returns the cookie for a request, when one server has several: a domain for
	// each tenant, say. It is called for requests that load a session, must not block, and
	// must be safe for concurrent use. A Cookie that New would refuse fails the request.
	// Cookie and Transport must not be set then. Defaults to none.
	CookieFor func(r *http.Request) Cookie

	// TrustedProxies are the addresses of proxies whose word counts for how a client came:
	// see [Manager.ClientAddr] and [Manager.Secure]. Defaults to none: X-Forwarded headers
	// say nothing.
	TrustedProxies []netip.Prefix

	// Insecure allows the cookie over plain HTTP, for machines on a desk: the cookie
	// loses Secure and its name prefix, and the Observer gets a [Warning]. Chromium and
	// others take Secure cookies from http://localhost and do not need it there. Defaults
	// to false.
	Insecure bool

	// IdleTimeout ends a session that was not used for so long. [NoTimeout] turns it off.
	// Defaults to 24 hours, or Lifetime when that is shorter.
	IdleTimeout time.Duration

	// Lifetime ends a session so long after it began, or after [Session.SignIn], however
	// much it is used. Defaults to 30 days, or IdleTimeout when that is longer.
	Lifetime time.Duration

	// TouchInterval is how stale the stored time of last use may be: a session that is
	// only read is written at most so often. It must be shorter than IdleTimeout, and a
	// session may end up to so much earlier than IdleTimeout after its last use. Defaults
	// to a tenth of IdleTimeout; without an idle timeout there are no such writes.
	TouchInterval time.Duration

	// StoreTimeout bounds all store calls of one request together, up to the first byte
	// of the response; later ones have as much each. Defaults to 2 seconds.
	StoreTimeout time.Duration

	// RollCookie says when the cookie is sent again though its token stays the same. Its
	// Max-Age is what remains of the lifetime, so that nothing needs it; it is for clients
	// that shorten the life of cookies. Each costs a Save, since only the store can tell that
	// the token is good still. Defaults to [RollNever].
	RollCookie Roll

	// KeepEmpty stores every session that a handler loads, also when nothing is in it, and
	// so a record for each visitor and robot that comes without a cookie. Defaults to false.
	KeepEmpty bool

	// Keys, of at least 32 bytes each, add a tag to tokens, so that forged ones are
	// refused without a store call. The first key makes tags and all verify: to replace a
	// key put the new one in front, and drop the old one after Lifetime. A token tagged
	// with an old key is sent anew at the next commit. Defaults to no tags, which is
	// secure: a token is 136 bits of secret either way.
	Keys [][]byte

	// AcceptUntagged lets tokens without a tag pass, so that Keys can be switched on
	// while sessions live. Defaults to false.
	AcceptUntagged bool

	// SealKeys, of 32 random bytes each, encrypt and authenticate the values that the
	// program keeps, with AES-256-GCM: who reads the store sees names and sizes only, and who
	// writes to it cannot plant or move values. The first key seals and all open: to replace
	// a key put the new one in front, and drop the old one after Lifetime. A session with a
	// value that cannot be opened is refused, so switching this on or off signs everybody
	// out. Defaults to none: values are readable JSON.
	SealKeys [][]byte

	// NewID makes the public half of new tokens, for programs whose IDs mean something,
	// such as a shard or a time. IDs must be unique and may be guessed: the secret half is
	// always the manager's own. It may block until ctx ends; its error fails the request.
	// Defaults to random bytes.
	NewID func(ctx context.Context) ([15]byte, error)

	// Tokens decides what tokens are. Defaults to the scheme described at [TokenScheme].
	Tokens TokenScheme

	// KeyPrefix is put in front of the keys of this manager's records, so that several
	// managers can share a store without opening each other's sessions: up to 128 bytes of
	// UTF-8 without NUL that do not begin with "$". IDs do not show it. Changing it ends all
	// sessions. Defaults to none.
	KeyPrefix string

	// Transport decides how tokens travel. Defaults to the cookie described by Cookie.
	Transport Transport

	// Owners says that the program finds sessions by owner, through the store's
	// [store.OwnerLister]; New then refuses a store that is none. Defaults to false.
	Owners bool

	// OnError answers a request whose session could not be loaded or saved. The status
	// has not been written, and what the handler had prepared is discarded. It is also
	// what [Manager.Fail] calls. Defaults to 503 with Retry-After for [ErrUnavailable],
	// 409 for [ErrEnded] and a Pop that came too late, nothing for a client that has left,
	// and 500 for a mistake of the program.
	OnError func(w http.ResponseWriter, r *http.Request, err error)

	// Observer is told what happens. Defaults to one that writes outages and warnings to
	// slog.Default().
	Observer Observer

	// Outage says what requests do when the store cannot say. Defaults to [Fail].
	Outage OutagePolicy

	// Validate decides whether a stored session may be used, each time a request loads it:
	// nil lets it pass. With an error the session is ended, the Observer is told why, and
	// the request goes on with an empty one. An error that wraps [ErrUnavailable] or one of
	// package context is an outage instead, and so are a panic and no answer within
	// StoreTimeout. It may block until ctx ends, and may read and edit the session, but must
	// not call Manager.Load or a method that takes a context. Defaults to none.
	Validate func(ctx context.Context, s *Session) error

	// BeforeSave is called once before a commit writes, and may add edits of its own, which
	// are part of it. Its error fails the commit. When another request's change has edits
	// replayed, it is not called again. What it may call, and what a panic is, are as for
	// Validate. Defaults to none.
	BeforeSave func(ctx context.Context, s *Session) error

	// SweepLottery removes expired sessions in some requests, for programs that cannot run
	// [Manager.Run]. With a store that expires records by itself it does nothing. Defaults
	// to none.
	SweepLottery SweepLottery

	// Now is the clock by which sessions end. Defaults to time.Now.
	Now func() time.Time
}

// Cookie describes the cookie that carries the token. It is always HttpOnly, and Secure
// unless Config.Insecure is set.
type Cookie struct {
	// Name is a token of RFC 9110. Defaults to "__Host-session"; to "__Secure-session"
	// when Domain or Path is set; to "session" with Config.Insecure.
	Name string
	// Domain sends the cookie to subdomains too. Defaults to none: this host only.
	Domain string
	// Path limits the cookie to paths below it. Defaults to "/".
	Path string
	// SameSite is Lax, Strict or None; None needs Secure. Defaults to Lax.
	SameSite http.SameSite
	// Partitioned keeps a cookie jar for each top-level site (CHIPS); it needs Secure.
	// Defaults to false.
	Partitioned bool
	// SecureAuto sends the cookie with Secure to clients that came over TLS, as
	// [Manager.Secure] sees it, and without to others, whose traffic anybody can read along:
	// for servers that must answer both. Name defaults to "session" then. Defaults to false.
	SecureAuto bool
	// BrowserSession lets cookies end with the browser, except in sessions that
	// [Session.SetPersistent] was called for. Defaults to false: Max-Age is what remains of
	// the session's lifetime.
	BrowserSession bool
}

// AAL1 returns a Config with the numbers of NIST SP 800-63B-4, section 2.1.3: a session
// lasts 30 days at most. The caller may change it before handing it to [New].
func AAL1() *Config { return &Config{Lifetime: 30 * 24 * time.Hour} }

// AAL2 returns a Config with the numbers of NIST SP 800-63B-4, section 2.2.3: 24 hours
// at most, and one hour of inactivity.
func AAL2() *Config { return &Config{Lifetime: 24 * time.Hour, IdleTimeout: time.Hour} }

// AAL3 returns a Config with the numbers of NIST SP 800-63B-4, section 2.3.3: 12 hours
// at most, and 15 minutes of inactivity.
func AAL3() *Config { return &Config{Lifetime: 12 * time.Hour, IdleTimeout: 15 * time.Minute} }

// Roll says when the cookie of a session is sent again.
type Roll int

const (
	// RollNever: with a new token, or one that lives longer, only.
	RollNever Roll = iota
	// RollOnTouch: also when the time of last use is written.
	RollOnTouch
	// RollAlways: with every response to a request that loaded the session.
	RollAlways
)

const (
	defaultIdle         = 24 * time.Hour
	defaultLifetime     = 30 * 24 * time.Hour
	defaultStoreTimeout = 2 * time.Second
	touchFraction       = 10
	minKey              = 32
)

// withDefaults returns the Config with every value set, or what is wrong with it. Only
// values that the caller set can be wrong.
func (c Config) withDefaults(s store.Store) (Config, error) {
	if c.RollCookie < RollNever || c.RollCookie > RollAlways {
		return Config{}, fmt.Errorf("cloakroom: Config.RollCookie is %d: use RollNever, RollOnTouch or RollAlways", c.RollCookie)
	}
	if err := c.SweepLottery.check(); err != nil {
		return Config{}, err
	}
	if c.CookieFor != nil && c.Cookie != (Cookie{}) {
		return Config{}, errors.New("cloakroom: Config.Cookie and Config.CookieFor are both set: have CookieFor return it")
	}
	if err := c.checkProxies(); err != nil {
		return Config{}, err
	}
	for _, check := range []func(*Config) error{
		(*Config).checkNegative, (*Config).resolveTimes, (*Config).checkPrefix, (*Config).resolveTokens,
	} {
		if err := check(&c); err != nil {
			return Config{}, err
		}
	}
	if c.Owners {
		if _, ok := store.As[store.OwnerLister](s); !ok {
			return Config{}, fmt.Errorf("cloakroom: Config.Owners needs a store that lists sessions by owner, "+
				"and %T is no store.OwnerLister: use another store or leave Owners off", s)
		}
	}
	if c.Observer == nil {
		c.Observer = logObserver{}
	}
	if c.OnError == nil {
		c.OnError = answerError
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Transport == nil {
		c.Transport = CookieTransport(c.Cookie)
	} else if c.Cookie != (Cookie{}) || c.CookieFor != nil {
		return Config{}, errors.New("cloakroom: Config.Transport is set, and so is Config.Cookie or CookieFor: " +
			"the cookie is the default transport, so set one of them, or put CookieTransport into ChainTransports")
	}
	var err error
	c.Transport, err = bind(c.Transport, &c)
	return c, err
}

func (c *Config) checkNegative() error {
	for name, d := range map[string]time.Duration{
		"IdleTimeout": c.IdleTimeout, "Lifetime": c.Lifetime,
		"TouchInterval": c.TouchInterval, "StoreTimeout": c.StoreTimeout,
	} {
		if d < 0 {
			return fmt.Errorf("cloakroom: Config.%s is %v: set a positive duration, or 0 for the default", name, d)
		}
		if d > 0 && d < time.Millisecond {
			return fmt.Errorf("cloakroom: Config.%s is %v: times are kept in milliseconds, set at least 1ms", name, d)
		}
	}
	return nil
}

func (c *Config) resolveTimes() error {
	idleOff := c.IdleTimeout == NoTimeout
	switch {
	case c.Lifetime == NoTimeout:
		return errors.New("cloakroom: Config.Lifetime is NoTimeout: a session must end some day, set a duration")
	case c.TouchInterval == NoTimeout:
		return errors.New("cloakroom: Config.TouchInterval is NoTimeout: set IdleTimeout to NoTimeout to have no such writes")
	case c.IdleTimeout > 0 && !idleOff && c.Lifetime > 0 && c.Lifetime < c.IdleTimeout:
		return fmt.Errorf("cloakroom: Config.Lifetime (%v) is shorter than Config.IdleTimeout (%v): "+
			"raise Lifetime or lower IdleTimeout", c.Lifetime, c.IdleTimeout)
	case c.IdleTimeout > 0 && c.TouchInterval >= c.IdleTimeout:
		return fmt.Errorf("cloakroom: Config.TouchInterval (%v) is not shorter than Config.IdleTimeout (%v): "+
			"sessions in use would end; lower it or leave it at its default", c.TouchInterval, c.IdleTimeout)
	case c.Lifetime > 0 && c.TouchInterval >= c.Lifetime:
		return fmt.Errorf("cloakroom: Config.TouchInterval (%v) is not shorter than Config.Lifetime (%v): "+
			"lower it or leave it at its default", c.TouchInterval, c.Lifetime)
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = max(defaultIdle, touchFraction*c.TouchInterval)
		if c.Lifetime > 0 {
			c.IdleTimeout = min(c.IdleTimeout, c.Lifetime)
		}
	}
	if c.Lifetime == 0 {
		c.Lifetime = defaultLifetime
		if !idleOff {
			c.Lifetime = max(c.Lifetime, c.IdleTimeout)
		}
	}
	if c.TouchInterval == 0 && !idleOff {
		c.TouchInterval = c.IdleTimeout / touchFraction
	}
	if c.StoreTimeout == 0 {
		c.StoreTimeout = defaultStoreTimeout
	}
	return nil
}

func (c *Config) checkProxies() error {
	c.TrustedProxies = slices.Clone(c.TrustedProxies)
	for i, p := range c.TrustedProxies {
		switch {
		case !p.IsValid():
			return fmt.Errorf("cloakroom: Config.TrustedProxies[%d] is no prefix: use netip.MustParsePrefix(\"10.0.0.0/8\") or the like", i)
		case p.Bits() == 0:
			return fmt.Errorf("cloakroom: Config.TrustedProxies[%d] is %v, which is everybody: list the addresses of your proxies", i, p)
		}
	}
	return nil
}

func (c *Config) checkPrefix() error {
	const most = 128 // leaves as much for the key
	switch p := c.KeyPrefix; {
	case len(p) > most:
		return fmt.Errorf("cloakroom: Config.KeyPrefix has %d bytes: use at most %d", len(p), most)
	case reserved(p):
		return fmt.Errorf("cloakroom: Config.KeyPrefix %q begins with $: such keys are the manager's own, choose another prefix", p)
	case !utf8.ValidString(p), strings.IndexByte(p, 0) >= 0:
		return fmt.Errorf("cloakroom: Config.KeyPrefix %q is not valid UTF-8 or holds a NUL: use letters, digits and colons", p)
	}
	return nil
}

func (c *Config) resolveTokens() error {
	if c.Tokens != nil {
		if c.NewID != nil {
			return errors.New("cloakroom: Config.NewID and Config.Tokens are both set: " +
				"NewID belongs to the default tokens, so let your TokenScheme make the IDs")
		}
		if len(c.Keys) > 0 || c.AcceptUntagged {
			return errors.New("cloakroom: Config.Keys and Config.Tokens are both set: " +
				"the tags belong to the default tokens, so give keys to your TokenScheme instead")
		}
		return nil
	}
	if c.AcceptUntagged && len(c.Keys) == 0 {
		return errors.New("cloakroom: Config.AcceptUntagged is set without Config.Keys: no token is tagged; set Keys or leave it off")
	}
	scheme := &defaultScheme{newID: c.NewID, acceptUntagged: c.AcceptUntagged}
	for i, key := range c.Keys {
		if len(key) < minKey {
			return fmt.Errorf("cloakroom: Config.Keys[%d] has %d bytes: use at least %d, from a random source", i, len(key), minKey)
		}
		scheme.keys = append(scheme.keys, bytes.Clone(key))
	}
	c.Tokens = scheme
	return nil
}
