package enforcer

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// Bounds of our own Content-Security-Policy, in bytes.
const (
	maxPolicy      = 4096
	policyReserved = 320 // for the site's own names and what it reports to
)

// anythingOwn is what a page may use without any other origin.
const anythingOwn = "default-src 'self' data: blob: filesystem: 'unsafe-inline' 'unsafe-eval'"

// contentPolicy returns our own Content-Security-Policy, which keeps a page from
// the origins that are neither the site's own nor those of a granted service. It
// is served next to the site's, so it can only tighten, and is never narrower
// than what is granted. own holds names of hosts; *.name is name and all below.
func contentPolicy(p *policy.Policy, grants *policy.Set, own []string) string {
	hosts := slices.Clone(own)
	for i := range p.Services {
		if grants.Has(i) {
			hosts = append(hosts, p.Services[i].Hosts...)
		}
	}
	var out strings.Builder
	out.WriteString(anythingOwn)
	for _, source := range sourcesOf(hosts) {
		out.WriteByte(' ')
		out.WriteString(source)
	}
	return out.String()
}

// CheckPolicyLength reports whether our own Content-Security-Policy grows too
// long for a header when every service is granted. firstParty holds the names of
// the site's own hosts.
func CheckPolicyLength(p *policy.Policy, firstParty []string) error {
	var all policy.Set
	for i := range p.Services {
		all.Add(i)
	}
	const limit = maxPolicy - policyReserved
	if n := len(contentPolicy(p, &all, firstParty)); n > limit {
		return fmt.Errorf("with every service granted, the hosts make a Content-Security-Policy of %d bytes, at most %d fit in; "+
			"use patterns such as *.example.net, or declare fewer hosts", n, limit)
	}
	return nil
}

// origin is a declared host as a Content-Security-Policy can say it.
type origin struct {
	name string // of the host
	wild bool   // and all below
	port string // empty: any
	path string // empty: any; a prefix when it ends in "/"
}

// sourcesOf returns the sources that match declared hosts, without those that
// another covers. A source without a scheme matches no WebSocket where the page
// is HTTPS, so each stands with ws, which matches wss too.
func sourcesOf(hosts []string) []string {
	var origins []origin
	for _, host := range hosts {
		o, ok := originOf(host)
		if !ok || slices.ContainsFunc(origins, func(other origin) bool { return other.covers(&o) }) {
			continue
		}
		origins = slices.DeleteFunc(origins, func(other origin) bool { return o.covers(&other) })
		origins = append(origins, o)
	}
	var sources []string
	for _, o := range origins {
		rest := o.name + ":" + o.port + o.path
		if o.port == "" {
			rest = o.name + ":*" + o.path
		}
		sources = append(sources, rest, "ws://"+rest)
		if o.wild {
			sources = append(sources, "*."+rest, "ws://*."+rest)
		}
	}
	return sources
}

// originOf reads a declared host. ok is false for a path of the site itself, and
// for what no source can say, such as an IPv6 address.
func originOf(host string) (o origin, ok bool) {
	name, path, hasPath := strings.Cut(host, "/")
	if hasPath {
		o.path = sourcePath("/" + path)
	}
	name, o.port, _ = strings.Cut(strings.ToLower(name), ":")
	o.name, o.wild = strings.CutPrefix(name, "*.")
	if strings.ContainsFunc(o.name, func(c rune) bool { return c >= 0x80 }) {
		o.name, _ = idna.Lookup.ToASCII(o.name)
	}
	unfit := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_'
	}
	return o, o.name != "" && !strings.ContainsFunc(o.name, unfit) && strings.Trim(o.port, "0123456789") == ""
}

// sourcePath returns the path of a source that matches at least what a declared
// path does. A path cannot begin with "//".
func sourcePath(path string) string {
	if star := strings.IndexByte(path, '*'); star >= 0 {
		path = path[:strings.LastIndexByte(path[:star], '/')+1]
	}
	if path == "/" || strings.HasPrefix(path, "//") {
		return ""
	}
	var out strings.Builder
	for i := range len(path) {
		c := path[i]
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9', strings.IndexByte("/-._~!$&'()+=:@", c) >= 0,
			c == '%' && i+2 < len(path) && isHex(path[i+1]) && isHex(path[i+2]):
			out.WriteByte(c)
		default:
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

// covers reports whether o matches all that other does.
func (o *origin) covers(other *origin) bool {
	return (o.name == other.name && (o.wild || !other.wild) || o.wild && strings.HasSuffix(other.name, "."+o.name)) &&
		(o.port == "" || o.port == other.port) && pathCovers(o.path, other.path)
}

// pathCovers reports whether the path of a source matches path.
func pathCovers(source, path string) bool {
	return source == "" || source == path || strings.HasSuffix(source, "/") && strings.HasPrefix(path, source)
}

// Elements are what is inserted into a page, as a Content-Security-Policy sees it.
type Elements struct {
	Styles, Scripts []string // hash sources of the inline elements, in their quotes
	Framed          []string // of styles in a srcdoc, where a nonce could be read off
	// Absolute URLs: what the form posts to, a script that is loaded, and below what
	// it sends requests.
	Form, Script, Connect string
}

// inlineElement is a kind of element with the directives that govern it, of which
// the first that a policy has is in effect.
type inlineElement struct {
	directives [3]string
	script     bool
}

var (
	styleElement  = inlineElement{[3]string{"style-src-elem", "style-src", "default-src"}, false}
	scriptElement = inlineElement{[3]string{"script-src-elem", "script-src", "default-src"}, true}
)

// nonces returns the nonces under which policies, the values of all
// Content-Security-Policy lines, admit inline elements; empty where none is
// needed, or where no nonce is common to all that need one.
func nonces(policies []string) (style, script string) {
	return styleElement.nonce(policies), scriptElement.nonce(policies)
}

func (e *inlineElement) nonce(policies []string) string {
	var common []string
	restricted := false
	for _, value := range policies {
		for rest, more := value, true; more; {
			var text string
			text, rest, more = cutPiece(rest, ',', nothing)
			d, ok := e.effective(text)
			if !ok || e.allowed(d.sources(text)) {
				continue
			}
			if !restricted {
				restricted, common = true, noncesOf(d.sources(text))
			} else {
				common = slices.DeleteFunc(common, func(nonce string) bool { return !hasNonce(d.sources(text), nonce) })
			}
		}
	}
	if len(common) == 0 {
		return ""
	}
	return common[0]
}

// admit returns the value of a Content-Security-Policy in which every policy
// admits what is inserted, by a hash where it has not the nonce, and nothing else
// that it did not admit. What needs no change is the same string.
func admit(value string, e Elements, styleNonce, scriptNonce string) string {
	return editPieces(value, ',', nothing, func(text string) (string, bool) {
		text = styleElement.admit(text, e.Styles, styleNonce)
		text = styleElement.admit(text, e.Framed, "")
		text = scriptElement.admit(text, e.Scripts, scriptNonce)
		text = admitAddress(text, scriptElement.directives[:], e.Script, scriptNonce)
		text = admitAddress(text, []string{"connect-src", "default-src"}, e.Connect, "")
		return admitAddress(text, []string{"form-action"}, e.Form, ""), true
	})
}

// admit adds hashes to the directive in effect.
func (e *inlineElement) admit(text string, hashes []string, nonce string) string {
	d, ok := e.effective(text)
	if !ok {
		return text
	}
	sources := d.sources(text)
	if e.allowed(sources) || nonce != "" && hasNonce(sources, nonce) {
		return text
	}
	var missing []string
	for _, hash := range hashes {
		if !hasToken(sources, hash) {
			missing = append(missing, hash)
		}
	}
	if len(missing) == 0 {
		return text
	}
	return d.add(text, e.directives[0], missing)
}

// admitAddress adds an address of the site's own to the one of the directives that
// is in effect, unless that has the nonce.
func admitAddress(text string, directives []string, address, nonce string) string {
	d, ok := effective(text, directives)
	if !ok || address == "" || strings.ContainsAny(address, asciiSpace+`;,'"`) || nonce != "" && hasNonce(d.sources(text), nonce) {
		return text
	}
	for token, rest := cutToken(d.sources(text)); token != ""; token, rest = cutToken(rest) {
		if token == address || strings.EqualFold(token, "'self'") || sourceMatches(token, address) {
			return text
		}
	}
	return d.add(text, directives[0], []string{address})
}

// effective returns the directive that is in effect for the element.
func (e *inlineElement) effective(text string) (directive, bool) {
	return effective(text, e.directives[:])
}

// effective returns the first of the directives that a policy has.
func effective(text string, names []string) (directive, bool) {
	for _, name := range names {
		if d, ok := findDirective(text, name); ok {
			return d, true
		}
	}
	return directive{}, false
}

// allowed reports whether sources allow all inline elements (CSP 3 section
// 6.7.3.2).
func (e *inlineElement) allowed(sources string) bool {
	unsafe := false
	for token, rest := cutToken(sources); token != ""; token, rest = cutToken(rest) {
		switch {
		case nonceOf(token) != "", isHash(token), e.script && strings.EqualFold(token, "'strict-dynamic'"):
			return false
		case strings.EqualFold(token, "'unsafe-inline'"):
			unsafe = true
		}
	}
	return unsafe
}

// directive is where a directive's sources stand in a policy.
type directive struct {
	name     string
	from, to int
}

// findDirective finds the first directive called name, the only one that counts.
func findDirective(text, name string) (directive, bool) {
	for rest, more := text, true; more; {
		var piece string
		at := len(text) - len(rest)
		piece, rest, more = cutPiece(rest, ';', nothing)
		first, sources := cutToken(piece)
		if !strings.EqualFold(first, name) {
			continue
		}
		to := at + len(strings.TrimRight(piece, asciiSpace))
		from := at + len(piece) - len(strings.TrimLeft(sources, asciiSpace))
		return directive{name, min(from, to), to}, true
	}
	return directive{}, false
}

func (d *directive) sources(text string) string { return text[d.from:d.to] }

// add adds sources to the directive, or, where that is default-src, which governs
// much else, to one called name with the same sources.
func (d *directive) add(text, name string, added []string) string {
	if d.name != "default-src" {
		return d.extend(text, added)
	}
	head := strings.TrimRight(text, asciiSpace)
	if !strings.HasSuffix(head, ";") {
		head += ";"
	}
	head += " " + name
	if sources := d.sources(text); !isNone(sources) && sources != "" {
		head += " " + sources
	}
	return head + " " + strings.Join(added, " ")
}

// extend adds sources to the directive. 'none' counts only alone, and makes way.
func (d *directive) extend(text string, sources []string) string {
	added := strings.Join(sources, " ")
	if isNone(d.sources(text)) {
		return text[:d.from] + added + text[d.to:]
	}
	return text[:d.to] + " " + added + text[d.to:]
}

func isNone(sources string) bool { return strings.EqualFold(sources, "'none'") }

const asciiSpace = " \t\n\f\r"

// cutToken returns the first token of s, and what comes behind it.
func cutToken(s string) (token, rest string) {
	s = strings.TrimLeft(s, asciiSpace)
	if end := strings.IndexAny(s, asciiSpace); end >= 0 {
		return s[:end], s[end:]
	}
	return s, ""
}

func hasToken(sources, wanted string) bool {
	for token, rest := cutToken(sources); token != ""; token, rest = cutToken(rest) {
		if token == wanted {
			return true
		}
	}
	return false
}

func hasNonce(sources, nonce string) bool {
	for token, rest := cutToken(sources); token != ""; token, rest = cutToken(rest) {
		if nonceOf(token) == nonce {
			return true
		}
	}
	return false
}

func noncesOf(sources string) (found []string) {
	for token, rest := cutToken(sources); token != ""; token, rest = cutToken(rest) {
		if nonce := nonceOf(token); nonce != "" {
			found = append(found, nonce)
		}
	}
	return found
}

// nonceOf returns the nonce in a source, empty if it is another source.
func nonceOf(source string) string { return quotedBase64(source, "'nonce-") }

func isHash(source string) bool {
	return quotedBase64(source, "'sha256-") != "" || quotedBase64(source, "'sha384-") != "" || quotedBase64(source, "'sha512-") != ""
}

// quotedBase64 returns what stands between prefix and a quote when it is a
// base64-value (CSP 3 section 2.3.1).
func quotedBase64(source, prefix string) string {
	if !hasPrefixFold(source, prefix) || !strings.HasSuffix(source, "'") || len(source) <= len(prefix) {
		return ""
	}
	value := source[len(prefix) : len(source)-1]
	digits := strings.TrimRight(value, "=")
	if digits == "" || len(value)-len(digits) > 2 {
		return ""
	}
	for i := range len(digits) {
		c := digits[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && strings.IndexByte("+/-_", c) < 0 {
			return ""
		}
	}
	return value
}

// sourceMatches reports whether a source of a page matches an address of the same
// page's scheme (CSP 3 section 6.7.2.8). In doubt it does not.
func sourceMatches(source, address string) bool {
	scheme, rest, _ := strings.Cut(address, "://")
	if source == "*" {
		return true
	}
	if wanted, is := strings.CutSuffix(source, ":"); is {
		return schemeMatches(wanted, scheme)
	}
	if wanted, after, has := strings.Cut(source, "://"); has {
		if !schemeMatches(wanted, scheme) {
			return false
		}
		source = after
	}
	host, path, _ := strings.Cut(rest, "/")
	wantedHost, wantedPath, _ := strings.Cut(source, "/")
	name, port := hostAndPort([]byte(host))
	wantedName, wantedPort := hostAndPort([]byte(wantedHost))
	if below, wild := strings.CutPrefix(wantedName, "*"); wild {
		if !strings.HasSuffix(name, below) || below == name {
			return false
		}
	} else if name != wantedName {
		return false
	}
	return portMatches(wantedPort, port, scheme) && (wantedPath == "" || pathCovers(wantedPath, path))
}

// schemeMatches reports whether the scheme of a source matches scheme.
func schemeMatches(source, scheme string) bool {
	return strings.EqualFold(source, scheme) || strings.EqualFold(source, "http") && scheme == "https"
}

// portMatches reports whether the port of a source matches that of an address.
func portMatches(source, port, scheme string) bool {
	standard := "80"
	if scheme == "https" {
		standard = "443"
	}
	if port == "" {
		port = standard
	}
	if source == "" {
		source = standard
	}
	return source == "*" || source == port || source == "80" && port == "443"
}
