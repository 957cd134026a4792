package audit

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/network"
)

// Bounds on what one pass keeps, so that no site can fill the memory.
const (
	mostCookies  = 2000
	mostRequests = 5000
	mostStored   = 2000
)

// collector puts together what one pass sees.
type collector struct {
	party    party
	now      func() time.Time
	visit    PassVisit
	cookies  map[string]*Cookie
	requests map[string]*Request
	stored   map[string]bool
}

func newCollector(pass Pass, p party, now func() time.Time) *collector {
	return &collector{
		party: p, now: now,
		visit:   PassVisit{Pass: pass, Pages: []Page{}, Cookies: []Cookie{}, Storage: []Stored{}, Requests: []Request{}},
		cookies: map[string]*Cookie{}, requests: map[string]*Request{}, stored: map[string]bool{},
	}
}

// look takes in what a tab saw since the last look, at a page.
func (c *collector) look(t *tab, address string) error {
	address = clean(address)
	for _, x := range t.recorder.take() {
		c.exchange(x, address)
	}
	jar, err := t.jar()
	if err != nil {
		return err
	}
	for _, kept := range jar {
		c.keep(kept, address)
	}
	for _, s := range t.storage(address) {
		key := string(s.Kind) + " " + s.Origin + " " + s.Name
		if !c.stored[key] && len(c.stored) < mostStored {
			c.stored[key] = true
			c.visit.Storage = append(c.visit.Storage, s)
		}
	}
	return nil
}

// exchange takes in one request with its redirects.
func (c *collector) exchange(x *exchange, address string) {
	for _, leg := range x.legs() {
		if !strings.HasPrefix(leg.url, "http") && !strings.HasPrefix(leg.url, "ws") {
			continue
		}
		host := hostOf(leg.url)
		if !leg.again && c.party.third(host) {
			c.request(x, leg.url, host, address)
		}
		if leg.sent != nil {
			c.sent(leg.sent, host, address)
		}
		if leg.answer != nil {
			c.set(leg.answer, leg.url, address)
		}
		for _, name := range x.cookies {
			c.carried(name, host, "/", "", host, address)
		}
	}
}

func (c *collector) request(x *exchange, address, host, page string) {
	blocked := x.held()
	key := clean(address) + " " + string(x.kind) + " " + blocked
	r := c.requests[key]
	if r == nil {
		if len(c.requests) >= mostRequests {
			return
		}
		r = &Request{Host: host, URL: clean(address), Type: string(x.kind), Page: page, Blocked: blocked}
		r.Initiator = clean(cmp.Or(x.cause, x.document))
		c.requests[key] = r
	}
	r.Count++
}

// sent takes in which cookies a request carried.
func (c *collector) sent(s *network.EventRequestWillBeSentExtraInfo, host, page string) {
	for _, a := range s.AssociatedCookies {
		if len(a.BlockedReasons) == 0 {
			c.carried(a.Cookie.Name, a.Cookie.Domain, a.Cookie.Path, partitionOf(a.Cookie.PartitionKey), host, page)
		}
	}
}

func (c *collector) carried(name, domain, path, partition, host, page string) {
	k := c.cookie(name, domain, path, partition, page)
	if k == nil {
		return
	}
	k.Sent++
	if !slices.Contains(k.SentTo, host) && len(k.SentTo) < 20 {
		k.SentTo = append(k.SentTo, host)
	}
}

// set takes in which cookies a response asked to keep.
func (c *collector) set(answer *network.EventResponseReceivedExtraInfo, address, page string) {
	rejected := map[string]string{}
	for _, b := range answer.BlockedCookies {
		pair, _, _ := strings.Cut(b.CookieLine, ";")
		name, _, _ := strings.Cut(pair, "=")
		reasons := make([]string, len(b.BlockedReasons))
		for i, reason := range b.BlockedReasons {
			reasons[i] = string(reason)
		}
		rejected[strings.TrimSpace(name)] = strings.Join(reasons, ", ")
	}
	for _, asked := range setCookies(answer.Headers) {
		lifetime, deletes := askedLifetime(asked, c.now())
		if deletes {
			continue
		}
		partition := ""
		if asked.Partitioned {
			partition = partitionOf(answer.CookiePartitionKey)
		}
		k := c.cookie(asked.Name, cmp.Or(dotted(asked.Domain), hostOf(address)), cmp.Or(asked.Path, defaultPath(address)), partition, page)
		if k == nil {
			continue
		}
		k.SetBy, k.Asked = clean(address), lifetime
		if reason := rejected[asked.Name]; reason != "" && !k.Stored {
			k.Rejected, k.Secure, k.HTTPOnly, k.SameSite = reason, asked.Secure, asked.HttpOnly, sameSite(asked.SameSite)
		}
	}
}

// keep takes in a cookie of the jar.
func (c *collector) keep(kept *network.Cookie, page string) {
	k := c.cookie(kept.Name, kept.Domain, kept.Path, partitionOf(kept.PartitionKey), page)
	if k == nil {
		return
	}
	k.Secure, k.HTTPOnly, k.SameSite = kept.Secure, kept.HTTPOnly, string(kept.SameSite)
	if !kept.Session {
		left := int64(kept.Expires - float64(c.now().UnixNano())/1e9 + 0.5)
		k.Lifetime = max(k.Lifetime, left, 1)
	}
	k.Stored, k.Rejected = true, ""
}

// cookie returns what is known of a cookie, by its identity (RFC 6265bis section
// 5.7: name, domain, host-only, path; and its partition). domain begins with a dot
// unless it is host-only.
func (c *collector) cookie(name, domain, path, partition, page string) *Cookie {
	bare := strings.ToLower(strings.TrimPrefix(domain, "."))
	key := fmt.Sprintf("%s\x00%s\x00%s\x00%s", name, strings.ToLower(domain), path, partition)
	k := c.cookies[key]
	if k == nil && len(c.cookies) < mostCookies {
		k = &Cookie{
			Name: shorten(name), Domain: bare, HostOnly: !strings.HasPrefix(domain, "."), Path: path,
			Partitioned: partition, ThirdParty: c.party.third(bare), Page: page,
		}
		c.cookies[key] = k
	}
	return k
}

// done returns what the pass saw, in order.
func (c *collector) done() PassVisit {
	v := c.visit
	for _, k := range c.cookies {
		if !k.Stored && k.Sent == 0 && k.Rejected == "" {
			continue // set and deleted at once
		}
		if k.SetBy == "" && k.Stored {
			k.SetBy = "script"
		}
		slices.Sort(k.SentTo)
		v.Cookies = append(v.Cookies, *k)
	}
	for _, r := range c.requests {
		v.Requests = append(v.Requests, *r)
	}
	slices.SortFunc(v.Cookies, func(a, b Cookie) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Partitioned, b.Partitioned))
	})
	slices.SortFunc(v.Requests, func(a, b Request) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.URL, b.URL), cmp.Compare(a.Type, b.Type))
	})
	slices.SortFunc(v.Storage, func(a, b Stored) int {
		return cmp.Or(cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return v
}

// askedLifetime is the lifetime in seconds that a Set-Cookie line asks for, 0 for
// a session, and whether it deletes the cookie instead.
func askedLifetime(c *http.Cookie, now time.Time) (seconds int64, deletes bool) {
	switch {
	case c.MaxAge > 0:
		return int64(c.MaxAge), false
	case c.MaxAge < 0:
		return 0, true
	case c.Expires.IsZero():
		return 0, false
	}
	left := c.Expires.Sub(now)
	return int64(left / time.Second), left <= 0
}

// dotted writes the domain of a Domain attribute as the jar does.
func dotted(domain string) string {
	if domain = strings.TrimPrefix(domain, "."); domain == "" {
		return ""
	}
	return "." + domain
}

// defaultPath is the path of a cookie without one (RFC 6265bis section 5.1.4).
func defaultPath(address string) string {
	address = clean(address)
	_, rest, _ := strings.Cut(address, "://")
	slash := strings.Index(rest, "/")
	if slash < 0 {
		return "/"
	}
	path := rest[slash:]
	if last := strings.LastIndex(path, "/"); last > 0 {
		return path[:last]
	}
	return "/"
}

func partitionOf(key *network.CookiePartitionKey) string {
	if key == nil {
		return ""
	}
	return key.TopLevelSite
}

func sameSite(s http.SameSite) string {
	return map[http.SameSite]string{http.SameSiteLaxMode: "Lax", http.SameSiteStrictMode: "Strict", http.SameSiteNoneMode: "None"}[s]
}
