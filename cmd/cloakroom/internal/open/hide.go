package open

import (
	"regexp"
	"strings"
)

// hidden stands for a password, as in net/url.
const hidden = "xxxxx"

// misplaced is what stands where a port should, as when the host was forgotten.
var misplaced = regexp.MustCompile(`^(\w[\w+.-]*://[^/:@\[]*):[^/,@]*[^/,@\d][^/,@]*`)

// assigned is a password as in a list of settings.
var assigned = regexp.MustCompile(`(?i)(\w*(?:pass|pwd|secret|token)\w*)=[^\s&;]*`)

// hide returns url for people to read: without a password, and without parameters, among
// which there may be one as well. It does not ask for a well-formed URL, since it is for
// those that are not: what stands before the last at sign may be part of a password,
// whatever else there is in it.
func hide(url string) string {
	text := url
	if i := strings.LastIndex(text, "@"); i >= 0 {
		scheme, user, slashes := strings.Cut(text[:i], "://")
		if !slashes {
			scheme, user = "", text[:i]
		} else {
			scheme += "://"
		}
		if name, _, password := strings.Cut(user, ":"); password {
			user = name + ":" + hidden
		}
		host := text[i:]
		if strings.ContainsAny(text[:i], "?#") { // it may be the end of a parameter
			host = "@..."
		}
		text = scheme + user + host
	}
	text = misplaced.ReplaceAllString(text, "${1}:"+hidden)
	if i := strings.IndexByte(text, '?'); i >= 0 {
		text = text[:i+1] + "..."
	}
	return assigned.ReplaceAllString(text, "${1}="+hidden)
}
