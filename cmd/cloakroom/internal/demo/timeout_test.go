package demo

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

var counted = regexp.MustCompile(`data-left="(\d+)" data-whole="(\d+)" data-last="([^"]*)"`)

// left returns what the page says is left, and of how much; -1 without a countdown.
func (v *visitor) left() (left, whole time.Duration) {
	v.t.Helper()
	found := counted.FindStringSubmatch(v.get("/live").Body.String())
	if found == nil {
		return -1, -1
	}
	ms := func(text string) time.Duration {
		n, err := strconv.Atoi(text)
		if err != nil {
			v.t.Fatal(err)
		}
		return time.Duration(n) * time.Millisecond
	}
	return ms(found[1]), ms(found[2])
}

func (v *visitor) wantLeft(left, whole time.Duration) {
	v.t.Helper()
	if l, w := v.left(); l != left || w != whole {
		v.t.Errorf("the page says that %v of %v are left, want %v of %v", l, w, left, whole)
	}
}

func (v *visitor) setTimeout(value string) {
	v.t.Helper()
	v.post("/timeout", url.Values{"idle": {value}})
}

func TestAChosenTimeoutEndsTheSessionThoughThePageIsLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t)
		v.get("/")
		v.wantLeft(idleTimeout, idleTimeout)
		time.Sleep(time.Hour) // what was not used for longer than the timeout to come
		v.setTimeout("30s")
		v.wantLeft(30*time.Second, 30*time.Second)
		for range 29 {
			time.Sleep(time.Second)
			v.page()
		}
		v.wantLeft(time.Second, 30*time.Second)
		v.wantPage(" 0:01 ")
		time.Sleep(time.Second)
		v.wantPage("There is no session now.", "You have none.", "Rejected")
		if left, _ := v.left(); left != -1 {
			t.Errorf("after its end %v are left of the session", left)
		}
		v.get("/")
		v.wantPage("Visit 1 Held by nobody yet")
		v.wantLeft(idleTimeout, idleTimeout) // the new session has the default
	})
}

func TestUsingTheSessionStartsItsClockAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t)
		v.get("/")
		v.setTimeout("5m")
		for range 3 {
			time.Sleep(5*time.Minute - time.Second)
			v.post("/use", nil)
			v.wantLeft(5*time.Minute, 5*time.Minute)
		}
		time.Sleep(time.Second)
		v.post("/use", nil) // also when it was used a moment ago
		v.wantLeft(5*time.Minute, 5*time.Minute)
		time.Sleep(4 * time.Minute)
		v.get("/") // and a visit does it too
		v.wantLeft(5*time.Minute, 5*time.Minute)
		v.setTimeout("default")
		v.wantLeft(idleTimeout, idleTimeout)
	})
}

func TestTheCountdownSaysWhichClockEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t)
		v.get("/")
		v.wantPage("Your session ends then, unless you use it before.")
		for range 59 { // up to 12 hours before the end of its lifetime
			time.Sleep(12 * time.Hour)
			v.post("/use", nil)
		}
		v.wantLeft(12*time.Hour, 12*time.Hour)
		v.wantPage(" 12:00:00 ", "Your session ends then whether you use it or not")
	})
}

func TestTheEndHasAReason(t *testing.T) {
	for _, c := range []struct {
		countdown Countdown
		want      string
	}{
		{Countdown{Whole: 30 * time.Second}, "it was not used for 30 s"},
		{Countdown{Whole: time.Hour, ByLifetime: true}, "its lifetime was over"},
	} {
		if got := c.countdown.Last(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.countdown, got, c.want)
		}
	}
}

func TestClocksCountDownToZero(t *testing.T) {
	for left, want := range map[time.Duration]string{
		0: "0:00", time.Millisecond: "0:01", time.Second: "0:01", 59*time.Second + 1: "1:00", 5 * time.Minute: "5:00",
		time.Hour: "1:00:00", 24*time.Hour - time.Second: "23:59:59",
	} {
		if got := (Countdown{Left: left}).Clock(); got != want {
			t.Errorf("%v is shown as %s, want %s", left, got, want)
		}
	}
}

func TestTheTimeoutInForceIsMarked(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	for _, value := range []string{"30s", "5m", "default"} {
		v.setTimeout(value)
		page := v.get("/live").Body.String()
		if !strings.Contains(page, `value="`+value+`" checked`) || strings.Count(page, `name="idle"`) != 3 || strings.Count(page, " checked") != 1 {
			t.Errorf("after %q was chosen it is not the one that is marked", value)
		}
	}
}

func TestATimeoutThatIsNotOfferedIsRefusedWithTheReason(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	for _, value := range []string{"", "1ms", "30", "-1", "\x00", strings.Repeat("9", 1e4)} {
		w := v.send("POST", "/timeout", url.Values{"idle": {value}})
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "Choose one of the three.") {
			t.Errorf("the timeout %.20q: %d, want 422 and the reason on the page", value, w.Code)
		}
	}
	if _, whole := v.left(); whole != idleTimeout {
		t.Errorf("the timeout is %v, want the default", whole)
	}
}

func TestATimeoutIsKeptForAVisitorWhoHasNothingElse(t *testing.T) {
	v := newVisitor(t)
	v.setTimeout("5m")
	if _, whole := v.left(); whole != 5*time.Minute {
		t.Errorf("the timeout is %v, want 5 minutes", whole)
	}
}

// The cookie of a session that has ended stays in the browser, and the page goes on looking.
func TestLooksWithADeadCookieAreToldOnce(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	id, _ := v.halves()
	dead := *v.cookie
	v.post("/sign-out", nil)
	v.cookie = &dead
	for range 3 {
		v.page()
	}
	if got := strings.Count(v.page(), "Rejected "+string(cloakroom.ReasonUnknown)+" "+id); got != 1 {
		t.Errorf("the refused cookie is told of %d times, want once", got)
	}
	other := &visitor{t: t, site: v.site, cookie: &http.Cookie{Name: dead.Name, Value: strings.Repeat("A", 43)}}
	other.wantPage("Rejected " + string(cloakroom.ReasonUnknown) + " AAAAAAAAAAAAAAAAAAAA")
}
