package enforcer

import (
	"bytes"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// address is where a request goes to, as far as the policy can tell hosts apart.
type address struct {
	secure bool
	host   string // lower case; empty: nowhere on the web
	port   string // empty: that of the scheme
	path   string // without query, with dot segments resolved
}

// effectivePort is the port that is connected to.
func (a *address) effectivePort() string {
	switch {
	case a.port != "":
		return a.port
	case a.secure:
		return "443"
	}
	return "80"
}

// splitter reads addresses as browsers do (WHATWG URL, basic URL parser), as far
// as scheme, host, port and path go. It keeps no more than its buffer.
type splitter struct{ buffer []byte }

// resolve reads raw against base. local reports that it leads to the origin of
// base. With paths false the path is not worked out.
func (s *splitter) resolve(raw []byte, base *address, paths bool) (to address, local bool) {
	raw = s.clean(raw)
	scheme, rest := cutScheme(raw)
	switch {
	case scheme == "" && !(len(rest) > 1 && isSlash(rest[0]) && isSlash(rest[1])):
		to = *base
		if paths {
			to.path = resolvePath(base.path, rest)
		}
		return to, true
	case scheme == "":
		to.secure = base.secure
		rest = rest[2:]
	case scheme == "http" || scheme == "ws" || scheme == "https" || scheme == "wss":
		to.secure = scheme == "https" || scheme == "wss"
		slashes := 0
		for slashes < len(rest) && isSlash(rest[slashes]) {
			slashes++
		}
		if slashes < 2 && to.secure == base.secure && scheme[0] == 'h' {
			// an address without its two slashes is relative to one of its scheme
			to = *base
			if paths {
				to.path = resolvePath(base.path, rest)
			}
			return to, true
		}
		rest = rest[slashes:]
	default:
		return address{}, false // data:, blob:, about:, mailto: and such
	}
	for len(rest) > 0 && isSlash(rest[0]) {
		rest = rest[1:]
	}
	end := 0
	for end < len(rest) && !isSlash(rest[end]) && rest[end] != '?' && rest[end] != '#' {
		end++
	}
	authority := rest[:end]
	if at := bytes.LastIndexByte(authority, '@'); at >= 0 {
		authority = authority[at+1:]
	}
	to.host, to.port = hostAndPort(authority)
	if to.secure && to.port == "443" || !to.secure && to.port == "80" {
		to.port = ""
	}
	if paths {
		to.path = resolvePath("/", rest[end:])
	}
	return to, false
}

// clean takes away what browsers take away before they read an address.
func (s *splitter) clean(raw []byte) []byte {
	for len(raw) > 0 && raw[0] <= ' ' {
		raw = raw[1:]
	}
	for len(raw) > 0 && raw[len(raw)-1] <= ' ' {
		raw = raw[:len(raw)-1]
	}
	if bytes.IndexByte(raw, '\n') < 0 && bytes.IndexByte(raw, '\t') < 0 && bytes.IndexByte(raw, '\r') < 0 {
		return raw
	}
	s.buffer = s.buffer[:0]
	for _, c := range raw {
		if c != '\n' && c != '\t' && c != '\r' {
			s.buffer = append(s.buffer, c)
		}
	}
	return s.buffer
}

func isSlash(c byte) bool { return c == '/' || c == '\\' }

// webSchemes spares an allocation for each address.
var webSchemes = []string{"https", "http", "wss", "ws"}

// cutScheme returns the scheme in lower case, empty for a relative address and
// "other" for all that is not fetched over the web.
func cutScheme(raw []byte) (scheme string, rest []byte) {
	for i, c := range raw {
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		case i > 0 && c == ':':
			for _, known := range webSchemes {
				if len(known) == i && bytes.EqualFold(raw[:i], []byte(known)) {
					return known, raw[i+1:]
				}
			}
			return "other", raw[i+1:]
		default:
			return "", raw
		}
	}
	return "", raw
}

// hostAndPort reads what stands between the slashes of an address and its path.
func hostAndPort(authority []byte) (host, port string) {
	name := authority
	if colon := bytes.LastIndexByte(authority, ':'); colon >= 0 && bytes.IndexByte(authority[colon:], ']') < 0 {
		name, port = authority[:colon], string(bytes.TrimLeft(authority[colon+1:], "0"))
	}
	plain := true
	for _, c := range name {
		if c >= 0x80 || c == '%' || c == '[' || c >= '0' && c <= '9' && name[len(name)-1] < 'a' {
			plain = false
			break
		}
	}
	host = string(bytes.ToLower(name))
	if !plain {
		host = canonicalHost(host)
	}
	return strings.TrimSuffix(host, "."), port
}

// canonicalHost decodes a host, puts it in its ASCII form, and an IPv4 address in
// its usual one (WHATWG URL, host parser).
func canonicalHost(host string) string {
	if strings.Contains(host, "%") {
		host = percentDecoded(host)
	}
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		host = ascii
	}
	if strings.HasPrefix(host, "[") {
		if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
			return "[" + ip.String() + "]"
		}
		return host
	}
	if ip, ok := parseIPv4(host); ok {
		return ip
	}
	return host
}

func percentDecoded(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) && hexValue(text[i+1]) >= 0 && hexValue(text[i+2]) >= 0 {
			out.WriteByte(byte(hexValue(text[i+1])<<4 | hexValue(text[i+2])))
			i += 2
			continue
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// parseIPv4 reads one to four numbers, decimal, octal or hexadecimal.
func parseIPv4(host string) (string, bool) {
	parts := strings.Split(strings.TrimSuffix(host, "."), ".")
	if len(parts) > 4 {
		return "", false
	}
	var whole uint64
	for i, part := range parts {
		n, ok := parseNumber(part)
		last := i == len(parts)-1
		if !ok || !last && n > 255 || last && n >= 1<<(8*(5-len(parts))) {
			return "", false
		}
		if last {
			whole |= n
		} else {
			whole |= n << (8 * (3 - i))
		}
	}
	return netip.AddrFrom4([4]byte{byte(whole >> 24), byte(whole >> 16), byte(whole >> 8), byte(whole)}).String(), true
}

func parseNumber(text string) (uint64, bool) {
	base := uint64(10)
	switch {
	case text == "":
		return 0, false
	case strings.HasPrefix(text, "0x"):
		base, text = 16, text[2:]
	case len(text) > 1 && text[0] == '0':
		base, text = 8, text[1:]
	}
	var n uint64
	for i := range len(text) {
		v := hexValue(text[i])
		if v < 0 || uint64(v) >= base || n > 1<<32 {
			return 0, false
		}
		n = n*base + uint64(v)
	}
	return n, true
}

// resolvePath resolves the path at the beginning of rest against base, with its
// escapes decoded, as a site will read it.
func resolvePath(base string, rest []byte) string {
	if end := bytes.IndexAny(rest, "?#"); end >= 0 {
		rest = rest[:end]
	}
	text := percentDecoded(strings.ReplaceAll(string(rest), `\`, "/"))
	if text == "" {
		return base
	}
	if text[0] != '/' {
		text = base[:strings.LastIndexByte(base, '/')+1] + text
	}
	return cleanPath(text)
}

// cleanPath resolves dot segments and empty ones.
func cleanPath(text string) string {
	if !strings.Contains(text, "//") && !strings.Contains(text, "/.") {
		return text
	}
	var kept []string
	parts := strings.Split(text, "/")
	for i, part := range parts {
		switch part {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, part)
			continue
		}
		if i == len(parts)-1 {
			kept = append(kept, "")
		}
	}
	return "/" + strings.Join(kept, "/")
}
