package inventory

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of texts, in bytes.
const (
	maxHost    = 255
	maxText    = 128 // domain, path, service
	maxExample = 200
)

// setters are the setters of cookies and hosts, the surest last.
var setters = []string{"", "unknown", "script", "response", "report", "header", "markup"}

// update notes one more sighting.
func (t *thing) update(seen *Entry, now time.Time) {
	t.count.Add(1)
	for at := now.UnixNano(); ; {
		last := t.last.Load()
		if at <= last || t.last.CompareAndSwap(last, at) {
			break
		}
	}
	if t.blocked.Load() != seen.Blocked {
		t.blocked.Store(seen.Blocked)
	}
	for {
		old := t.detail.Load()
		if !old.differs(seen) {
			return
		}
		d := old.with(seen)
		if t.detail.CompareAndSwap(old, &d) {
			return
		}
	}
}

// tells reports whether a sighting says how a thing is set: a request carries
// cookies without attributes, and what a report says a page knows better.
func (d *detail) tells(seen *Entry) bool {
	return slices.Index(setters, seen.Setter) >= slices.Index(setters, d.setter)
}

// differs reports whether a sighting says something new.
func (d *detail) differs(seen *Entry) bool {
	if d.service != seen.Service || d.example == "" && len(seen.Example) > 1 && seen.Example[0] == '/' {
		return true
	}
	return d.tells(seen) && (d.setter != seen.Setter || d.domain != seen.Domain || d.path != seen.Path || d.sameSite != seen.SameSite ||
		d.secure != seen.Secure || d.httpOnly != seen.HTTPOnly || d.partitioned != seen.Partitioned || !sameLifetime(d.lifetime, seen.Lifetime))
}

// sameLifetime reports whether two lifetimes are one, seen at different times: what
// a site says as a date gets shorter.
func sameLifetime(a, b int64) bool {
	if a <= 0 || b <= 0 {
		return a == b
	}
	return max(a, b)-min(a, b) <= max(60, a/100)
}

// with returns d with what a sighting says.
func (d *detail) with(seen *Entry) detail {
	next := *d
	next.service = seen.Service
	if next.example == "" {
		next.example = examplePath(seen.Example)
	}
	if d.tells(seen) {
		next.setter, next.domain, next.path, next.sameSite = seen.Setter, seen.Domain, seen.Path, seen.SameSite
		next.lifetime, next.secure, next.httpOnly, next.partitioned = seen.Lifetime, seen.Secure, seen.HTTPOnly, seen.Partitioned
	}
	return clean(next)
}

// clean bounds the texts of d, and copies them: they are parts of headers that need
// not be kept.
func clean(d detail) detail {
	d.domain, d.path, d.service = shown(d.domain, maxText), shown(d.path, maxText), shown(d.service, maxText)
	if !slices.Contains(setters, d.setter) {
		d.setter = "unknown"
	}
	d.setter = setters[slices.Index(setters, d.setter)]
	if !slices.Contains([]string{"strict", "lax", "none"}, d.sameSite) {
		d.sameSite = ""
	}
	d.sameSite = strings.Clone(d.sameSite)
	return d
}

// area returns an area of web storage, or "".
func area(name string) string {
	for _, known := range []string{"local", "session"} {
		if name == known {
			return known
		}
	}
	return ""
}

// shown returns a copy of text that can be shown, bounded in bytes.
func shown(text string, bound int) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > bound {
		text = strings.ToValidUTF8(text[:bound], "")
	}
	return strings.Clone(text)
}

// hostName returns a host in lower case, bounded and without what no host has: the
// same string if it is so.
func hostName(host string) string {
	var memory [maxHost]byte
	if name := appendHost(memory[:0], host); string(name) != host {
		return string(name)
	}
	return host
}

// appendHost appends a host in lower case, without what no host has.
func appendHost(dst []byte, host string) []byte {
	for at := range min(len(host), maxHost) {
		c := host[at]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if !alphanumeric(c) && strings.IndexByte("-._:[]*", c) < 0 {
			c = '?'
		}
		dst = append(dst, c)
	}
	return dst
}

// examplePath returns a path without query and fragment, and without parts that may
// be about one person: addresses, tokens and long numbers become *.
func examplePath(path string) string {
	if end := strings.IndexAny(path, "?#"); end >= 0 {
		path = path[:end]
	}
	if !strings.HasPrefix(path, "/") {
		return ""
	}
	if len(path) > maxExample {
		path = path[:max(1, strings.LastIndexByte(path[:maxExample], '/'))]
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if personal(part) {
			parts[i] = "*"
		}
	}
	return shown(strings.Join(parts, "/"), maxExample)
}

// personal reports whether a part of a path may be about one person: it has an
// address, six digits in a row, or 16 letters and digits in a row with two digits.
func personal(part string) bool {
	if strings.Contains(part, "@") || strings.Contains(part, "%40") {
		return true
	}
	run, digits, row := 0, 0, 0
	for i := range len(part) {
		c := part[i]
		switch {
		case digit(c):
			run, digits, row = run+1, digits+1, row+1
		case alphanumeric(c):
			run, row = run+1, 0
		default:
			run, digits, row = 0, 0, 0
		}
		if row >= 6 || run >= 16 && digits >= 2 {
			return true
		}
	}
	return false
}

// entry returns a thing as it is shown.
func (t *thing) entry() Entry {
	d := t.detail.Load()
	return Entry{
		Site: t.site, Kind: t.kind, Name: t.name, Area: t.area,
		Setter: d.setter, Domain: d.domain, Path: d.path, Lifetime: d.lifetime, Secure: d.secure, HTTPOnly: d.httpOnly,
		SameSite: d.sameSite, Partitioned: d.partitioned, Service: d.service, Blocked: t.blocked.Load(), Example: d.example,
		First: time.Unix(0, t.first.Load()).UTC(), Last: time.Unix(0, t.last.Load()).UTC(), Count: t.count.Load(),
	}
}
