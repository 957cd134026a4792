package enforcer

import (
	"net/http"
	"strings"
)

// mediaKind is what browsers take a body for.
type mediaKind struct {
	html     bool // HTML or XHTML in a charset that extends ASCII
	xml      bool // XHTML
	document bool // HTML or XHTML in any charset
	active   bool // it can load something: those, XML, a script
	charset  bool // it names its charset
	doubtful bool // browsers tell the type from the first bytes
}

// kindOf reads the media type of an answer as browsers do.
func kindOf(h http.Header) (k mediaKind) {
	essence, charset := mediaType(h["Content-Type"])
	switch {
	case essence == "", strings.EqualFold(essence, "unknown/unknown"), strings.EqualFold(essence, "application/unknown"):
		k.doubtful = !strings.EqualFold(strings.TrimSpace(h.Get("X-Content-Type-Options")), "nosniff")
		return k
	}
	k.xml = strings.EqualFold(essence, "application/xhtml+xml")
	k.document = k.xml || strings.EqualFold(essence, "text/html")
	k.active = k.document || hasSuffixFold(essence, "xml") || hasSuffixFold(essence, "javascript") || hasSuffixFold(essence, "ecmascript")
	if !k.document {
		return k
	}
	k.charset, k.html = charset != "", true
	for _, wide := range []string{"utf-16", "utf-32", "utf-7", "iso-2022", "csiso2022", "hz-gb", "ucs-", "unicode", "csunicode", "iso-10646"} {
		if hasPrefixFold(charset, wide) {
			k.html = false
		}
	}
	return k
}

// mediaType extracts a type and its charset. Of all that is said, the last that
// is a type counts (Fetch section 3.1, "extract a MIME type"); what a type ends at
// is Chromium's, which takes more for one than the standard.
func mediaType(lines []string) (essence, charset string) {
	for _, line := range lines {
		for rest, more := line, true; more; {
			var text string
			text, rest, more = cutPiece(rest, ',', quotes)
			name, parameters := text, ""
			name = strings.TrimLeft(name, " \t")
			if end := strings.IndexAny(name, " \t;("); end >= 0 {
				name, parameters = name[:end], name[end:]
			}
			if !strings.Contains(name, "/") || name == "*/*" {
				continue
			}
			named := charsetOf(parameters)
			if named != "" || !strings.EqualFold(name, essence) {
				charset = named
			}
			essence = name
		}
	}
	return essence, charset
}

// charsetOf returns the first charset among the parameters of a media type.
func charsetOf(parameters string) string {
	for rest, more := parameters, parameters != ""; more; {
		var parameter string
		parameter, rest, more = cutPiece(rest, ';', quotes)
		name, value, found := strings.Cut(parameter, "=")
		if found && strings.EqualFold(strings.TrimSpace(name), "charset") {
			return strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return ""
}

// attached reports whether an answer is to be saved, not shown. What is no
// disposition counts as none (RFC 6266 section 4.2).
func attached(h http.Header) bool {
	disposition, _, _ := strings.Cut(h.Get("Content-Disposition"), ";")
	disposition = strings.TrimSpace(disposition)
	return disposition != "" && !strings.EqualFold(disposition, "inline") && !strings.ContainsAny(disposition, "=\"/ \t(),:<>?@[]{}\\")
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}
