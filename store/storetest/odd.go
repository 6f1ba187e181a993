package storetest

import (
	"strings"

	"github.com/cloakroom-go/cloakroom/store"
)

// What stores are known to trip over. Each list holds things that differ from one
// another, often in a way that a collation, a path, a number type or a parser would
// not see.

// oddTexts returns texts that are all different, around id.
func oddTexts(id string) []string {
	return []string{
		id, strings.ToLower(id), id + "a", id + "A", id + "b",
		id + " ", " " + id, id + "\t", id + "\n", id + "\r\n", id + "\x01", id + "\x7f",
		id + ".", id + "..", "." + id, "./" + id, "../" + id, "../../" + id,
		id + "/", id + "//", "/" + id, id + "/a", id + "/../" + id, id + `\`, id + `\a`, `C:\` + id,
		id + ":", id + ":a", id + "%", id + "%20", id + "%2F", id + "%00", id + "+", id + "_", id + "*", id + "?", id + "[a]", "{" + id + "}",
		id + `"`, id + "'", id + "''", id + "`", id + "' OR '1'='1", id + "; --", id + "#", id + "&a=b", id + "=", id + ",", id + "|", id + "~",
		id + "ü", id + "u\u0308", id + "Ü", id + "u", id + "ß", id + "ss", id + "I", id + "i", id + "ı", id + "İ", id + "ﬁ", id + "fi",
		id + "\u00a0", id + "\u200b", id + "\ufeff", id + "\u2028", id + "\ufffd", id + "🧥", id + "👩‍👩‍👧", id + "שלום",
	}
}

// reserved returns texts that begin with "$", as the manager's own names do.
func reserved(id string) []string {
	return []string{"$" + id, "$" + id + ".a", "$$" + id, "$ " + id}
}

// oddNames returns names of fields.
func oddNames() []string {
	return append(append(oddTexts("nN"), reserved("nN")...),
		"$", ".", "..", " ", "a.b", "a", "b", "a.b.c", "a[0]", "0", "00", "-1", "_id", "id", "version", "owner", "expires_at", "fields",
		"__proto__", "constructor", "null", "true", `\u0061`, "\x00", "a\x00", "$set", "$.a", `"a"`,
		strings.Repeat("n", 255), strings.Repeat("n", 256), strings.Repeat("n", 255)+"N", strings.Repeat("ü", 128))
}

// oddValues returns values in sets: those of one set are the same to some readers of
// JSON, and no two are the same bytes.
func oddValues() [][]string {
	return [][]string{
		{"1", "1.0", "1.00", "1e0", "1E0", "1E+0", "10e-1", "true", `"1"`},
		{"0", "-0", "0.0", "-0.0", "0e9"},
		{"9223372036854775807", "9223372036854775808", "9.223372036854775807e18", "9007199254740993", "9007199254740992"},
		{"18446744073709551615", "123456789012345678901234567890", "-9223372036854775809"},
		{"0.1", "0.10", "0.1000000000000000055511151231257827", "3.141592653589793238462643383279"},
		{"1e400", "1E400", "-1e400", "1e-400", "5e-324"},
		{`""`, `" "`, "null", "false", "[]", "{}", "[ ]", "{ }", `"null"`},
		{`"ü"`, `"\u00fc"`, `"\u00FC"`, `"u\u0308"`, `"Ü"`},
		{`"🧥"`, `"\ud83e\udde5"`, `"\uD83E\uDDE5"`},
		{`"\ud800"`, `"\uD800"`, `"\udc00"`, `"\udc00\ud800"`, `"\ufffd"`, `"` + "\ufffd" + `"`, `"a\ud800"`},
		{`"\u0000"`, `"a\u0000b"`, `"a"`, `"a\u0000"`, `"\u0000a"`},
		{`"/"`, `"\/"`, `"\u002f"`},
		{`"<a href='x'>&amp;"`, `"\u003ca href='x'\u003e\u0026amp;"`},
		{`"\n\t\r\b\f"`, `"\u000a\u0009\u000d\u0008\u000c"`},
		{`"` + "\u2028\u2029\x7f" + `"`, `"\u2028\u2029\u007f"`},
		{`"\\"`, `"\\\\"`, `"\""`, `"'"`, `"''"`, `"%s"`, `"$1"`, `"?"`},
		{`{"b":1,"a":2}`, `{"a":2,"b":1}`, `{ "b" : 1, "a" : 2 }`, "{\n\t\"b\": 1,\r\n\t\"a\": 2\n}"},
		{`{"a":1,"a":2}`, `{"a":2}`, `{"a":2,"a":1}`, `{"":1}`, `{"a.b":{"$c":[{}]}}`},
		{`[1,2]`, `[1, 2]`, `[ 1,2 ]`, `[1,2.0]`, `{"0":1,"1":2}`},
	}
}

// oddOwners returns owners other than nobody.
func oddOwners(id string) []string {
	return append(append(oddTexts(id), reserved(id)...), strings.Repeat("x", 256-len(id))+id)
}

// numbered makes fields of the names, each with its place as the value.
func numbered(names []string) store.Fields {
	pairs := make([]string, 0, 2*len(names))
	for i, name := range names {
		pairs = append(pairs, name, number(i))
	}
	return fields(pairs...)
}
