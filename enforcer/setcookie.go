package enforcer

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// maxAttribute is the longest attribute-value browsers read (RFC 6265bis
// section 5.6).
const maxAttribute = 1024

// setCookie is a Set-Cookie line read as a browser reads it (RFC 6265bis
// section 5.6): what it says, and where in the line it says so.
type setCookie struct {
	name                          string
	maxAge                        int64 // seconds, the last valid one
	expires                       time.Time
	hasMaxAge, hasExpires         bool
	doubtful                      bool // a Max-Age or Expires that browsers may read otherwise
	secure, httpOnly, partitioned bool
	hasSameSite                   bool
}

// parseSetCookie reads line. ok is false for what no browser should store under
// a name of its own: a line without a name or with control characters.
func parseSetCookie(line string) (c setCookie, ok bool) {
	for i := range len(line) {
		if line[i] < ' ' && line[i] != '\t' || line[i] == 0x7f {
			return c, false
		}
	}
	pair, attributes, _ := strings.Cut(line, ";")
	name, _, hasValue := strings.Cut(pair, "=")
	c.name = trimOWS(name)
	if !hasValue || c.name == "" {
		return c, false
	}
	for attributes != "" {
		var attribute string
		attribute, attributes, _ = strings.Cut(attributes, ";")
		c.read(attribute)
	}
	return c, true
}

// read takes in one attribute.
func (c *setCookie) read(attribute string) {
	name, value, _ := strings.Cut(attribute, "=")
	name, value = trimOWS(name), trimOWS(value)
	if len(value) > maxAttribute {
		c.doubtful = true
		return
	}
	switch {
	case strings.EqualFold(name, "Max-Age"):
		seconds, ok := parseMaxAge(value)
		if ok {
			c.maxAge, c.hasMaxAge = seconds, true
		}
		c.doubtful = c.doubtful || !ok
	case strings.EqualFold(name, "Expires"):
		t, ok := parseCookieDate(value)
		if ok {
			c.expires, c.hasExpires = t, true
		}
		c.doubtful = c.doubtful || !ok
	case strings.EqualFold(name, "Secure"):
		c.secure = true
	case strings.EqualFold(name, "HttpOnly"):
		c.httpOnly = true
	case strings.EqualFold(name, "Partitioned"):
		c.partitioned = true
	case strings.EqualFold(name, "SameSite"):
		c.hasSameSite = true
	}
}

// deletes reports whether a browser would remove the cookie: Max-Age decides,
// and without it Expires.
func (c *setCookie) deletes(now time.Time) bool {
	if c.hasMaxAge {
		return c.maxAge <= 0
	}
	return c.hasExpires && !c.expires.After(now)
}

// persists reports whether the cookie outlives the session.
func (c *setCookie) persists() bool { return c.hasMaxAge || c.hasExpires }

// filterSetCookie returns the line as it may leave, or false when it may not.
// Deletions always leave; that of a cookie which may not pass, and one that
// browsers may read otherwise, leaves without a value and with its end said last,
// since browsers differ on which of several attributes they follow. What needs no
// change is the same string.
func (v *Visit) filterSetCookie(line string, now time.Time) (string, bool) {
	c, ok := parseSetCookie(line)
	if !ok {
		return "", false
	}
	verdict, rule := v.enforcer.Policy.Verdict(c.name, &v.Standing.Grants)
	if rule == nil {
		v.sawSet(line, &c, verdict, rule, now)
	}
	switch {
	case verdict == policy.Own:
		return "", false
	case c.deletes(now) && verdict.Passes() && !c.doubtful:
		return line, true
	case c.deletes(now):
		return emptied(line), true
	case !verdict.Passes():
		v.countBlocked(declaring(rule))
		return "", false
	case rule == nil:
		return line, true
	case rule.Measurement && v.hasMeasured(c.name):
		return "", false // a new visit does not prolong it
	}
	v.personal = v.personal || v.enforcer.Policy.Depends(rule)
	line = shorten(line, &c, rule, now)
	return v.addAttributes(line, &c, rule), true
}

// ended is what a deletion of ours ends with.
const ended = "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"

// emptied returns a deletion without its value, whatever else it says.
func emptied(line string) string {
	pair, _, _ := strings.Cut(line, ";")
	name, _, _ := strings.Cut(pair, "=")
	return name + "=" + strings.TrimSuffix(line[len(pair):], ended) + ended
}

func (v *Visit) hasMeasured(name string) bool {
	for _, n := range v.measured {
		if n == name {
			return true
		}
	}
	return false
}

// shorten brings every Max-Age and Expires of line down to the declared
// lifetime: browsers follow the last one, and old ones know Expires alone. Those
// it cannot read go: some browsers can.
func shorten(line string, c *setCookie, rule *policy.Rule, now time.Time) string {
	limit := rule.Lifetime
	if rule.Measurement && (limit == 0 || limit > policy.Lifetime(policy.MeasurementLifetime)) {
		limit = policy.Lifetime(policy.MeasurementLifetime)
	}
	if limit == 0 || !c.persists() && !c.doubtful {
		return line
	}
	seconds := int64(time.Duration(limit) / time.Second)
	latest := now.Add(time.Duration(limit))
	if limit != policy.Session && !c.doubtful && (!c.hasMaxAge || c.maxAge <= seconds) && (!c.hasExpires || !c.expires.After(latest)) {
		return line
	}
	pair, attributes, _ := strings.Cut(line, ";")
	var out strings.Builder
	out.WriteString(pair)
	for more := true; more; {
		var attribute string
		attribute, attributes, more = strings.Cut(attributes, ";")
		if attribute, keep := shortenAttribute(attribute, limit, seconds, latest); keep {
			out.WriteByte(';')
			out.WriteString(attribute)
		}
	}
	return out.String()
}

// shortenAttribute returns one attribute within limit, or false to drop it.
func shortenAttribute(attribute string, limit policy.Lifetime, seconds int64, latest time.Time) (string, bool) {
	name, value, _ := strings.Cut(attribute, "=")
	value = trimOWS(value)
	var replacement string
	switch name := trimOWS(name); {
	case strings.EqualFold(name, "Max-Age"):
		age, ok := parseMaxAge(value)
		if !ok || len(value) > maxAttribute || limit == policy.Session {
			return "", false
		}
		if age <= seconds {
			return attribute, true
		}
		replacement = strconv.FormatInt(seconds, 10)
	case strings.EqualFold(name, "Expires"):
		t, ok := parseCookieDate(value)
		if !ok || len(value) > maxAttribute || limit == policy.Session {
			return "", false
		}
		if !t.After(latest) {
			return attribute, true
		}
		replacement = latest.UTC().Format(http.TimeFormat)
	default:
		return attribute, true
	}
	return name + "=" + replacement, true
}

// addAttributes appends the declared attributes that the site left out. Those
// that browsers accept on secure origins only are added there only.
func (v *Visit) addAttributes(line string, c *setCookie, rule *policy.Rule) string {
	partitioned := rule.Partitioned && !c.partitioned && v.HTTPS
	if (rule.Secure || partitioned) && !c.secure && v.HTTPS {
		line += "; Secure"
	}
	if rule.HTTPOnly && !c.httpOnly {
		line += "; HttpOnly"
	}
	if rule.SameSite != "" && !c.hasSameSite && (rule.SameSite != "none" || v.HTTPS) {
		line += "; SameSite=" + strings.ToUpper(rule.SameSite[:1]) + rule.SameSite[1:]
	}
	if partitioned {
		line += "; Partitioned"
	}
	return line
}

// parseMaxAge reads a Max-Age as RFC 6265bis section 5.6.2 does. Values beyond
// the range of an int64 saturate.
func parseMaxAge(value string) (int64, bool) {
	digits := strings.TrimPrefix(value, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	return seconds, err == nil || seconds != 0
}

// parseCookieDate reads a cookie-date as RFC 6265bis section 5.1.1 does, but that
// a number of five digits and more makes it far off, as Chromium has it.
func parseCookieDate(value string) (time.Time, bool) {
	var year, month, day, hour, minute, second int
	var hasTime, hasDay, hasMonth, hasYear, far bool
	for _, token := range strings.FieldsFunc(value, dateDelimiter) {
		far = far || len(token) > 4 && strings.Trim(token[:5], "0123456789") == ""
		if h, m, s, ok := dateTime(token); ok && !hasTime {
			hour, minute, second, hasTime = h, m, s, true
		} else if n, ok := leadingDigits(token, 1, 2); ok && !hasDay {
			day, hasDay = n, true
		} else if n, ok := dateMonth(token); ok && !hasMonth {
			month, hasMonth = n, true
		} else if n, ok := leadingDigits(token, 2, 4); ok && !hasYear {
			year, hasYear = n, true
		}
	}
	switch {
	case year >= 70 && year <= 99:
		year += 1900
	case year >= 0 && year <= 69:
		year += 2000
	}
	if far {
		year, hasYear = 9999, true
	}
	if !hasTime || !hasDay || !hasMonth || !hasYear || day < 1 || day > 31 || year < 1601 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if t.Day() != day {
		return time.Time{}, false // 31 February
	}
	return t, true
}

func dateDelimiter(r rune) bool {
	return r == '\t' || r >= ' ' && r <= '/' || r >= ';' && r <= '@' || r >= '[' && r <= '`' || r >= '{' && r <= '~'
}

// dateTime reads hms-time with whatever follows it.
func dateTime(token string) (hour, minute, second int, ok bool) {
	h, rest, ok1 := strings.Cut(token, ":")
	m, s, ok2 := strings.Cut(rest, ":")
	if !ok1 || !ok2 {
		return 0, 0, 0, false
	}
	hour, okH := wholeDigits(h)
	minute, okM := wholeDigits(m)
	second, okS := leadingDigits(s, 1, 2)
	return hour, minute, second, okH && okM && okS
}

func wholeDigits(s string) (int, bool) {
	if len(s) < 1 || len(s) > 2 {
		return 0, false
	}
	return leadingDigits(s, len(s), len(s))
}

// leadingDigits reads least to most digits that end the token or are followed
// by anything but a digit.
func leadingDigits(s string, least, most int) (int, bool) {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	if n < least || n > most {
		return 0, false
	}
	number, err := strconv.Atoi(s[:n])
	return number, err == nil
}

func dateMonth(token string) (int, bool) {
	if len(token) < 3 {
		return 0, false
	}
	at := strings.Index("janfebmaraprmayjunjulaugsepoctnovdec", strings.ToLower(token[:3]))
	return at/3 + 1, at >= 0 && at%3 == 0
}
