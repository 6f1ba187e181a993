package demo

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestAMessageIsShownOnceAndWaitsForAVisit(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	v.post("/message", url.Values{"message": {" See you on <Tuesday>. "}})
	// What a browser asks for meanwhile does not use it up, whether it loads the session or not.
	for _, path := range []string{"/ticket.svg", "/style.css", "/live", "/untouched", "/coins"} {
		if body := v.get(path).Body.String(); strings.Contains(body, "message-shown") {
			t.Errorf("GET %s shows the message", path)
		}
	}
	v.post("/cart", nil)
	if got := v.field("flash"); !strings.Contains(got, "Tuesday") {
		t.Errorf("the message does not wait in the record, where the field flash is %q", got)
	}
	page := v.get("/").Body.String()
	if !strings.Contains(page, `id="message-shown">See you on &lt;Tuesday&gt;.</p>`) {
		t.Errorf("the visit after the form does not show the message: %s", text(page))
	}
	if again := text(v.get("/").Body.String()); strings.Contains(again, "Tuesday") || !strings.Contains(again, "No message was left for this visit.") {
		t.Error("the message is shown twice")
	}
}

func TestAMessageCostsNoStoreCallOfItsOwn(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	for range 2 {
		v.post("/message", url.Values{"message": {"x"}})
		if got := v.latest(); got != "POST /message 1 1 0 none" {
			t.Errorf("leaving a message is listed as %q", got)
		}
		v.get("/")
		if got := v.latest(); got != "GET / 1 1 0 none" {
			t.Errorf("the visit that shows it is listed as %q", got)
		}
	}
}

func TestMessagesThatCannotBeShownAreRefusedWithTheReason(t *testing.T) {
	v := newVisitor(t)
	v.get("/")
	for message, want := range map[string]string{
		"": "Type a message first", "a\x07": "cannot be shown", "\xff": "cannot be shown",
		strings.Repeat("ä", 81): "use 80 characters at most", strings.Repeat("x", 1e5): "could not be read",
	} {
		w := v.send("POST", "/message", url.Values{"message": {message}})
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), want) {
			t.Errorf("the message %.20q: %d, want 422 and %q on the page", message, w.Code, want)
		}
	}
	if got := v.field("flash"); got != "" {
		t.Errorf("a refused message was left: %s", got)
	}
}
