package enforcer

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// expired returns the expiring lines of an answer to a request with cookies,
// each as "domain path" or "domain path partitioned".
func expired(t *testing.T, e *Enforcer, host, uri, name, cookies string) []string {
	t.Helper()
	r := visitor(t, e, nil, cookies)
	r.Host = host
	v := e.Begin(r, uri, true)
	h := http.Header{}
	v.enforceHeader(h, true)
	var got []string
	for _, line := range h["Set-Cookie"] {
		c, ok := parseSetCookie(line)
		if !ok || !c.deletes(clock) {
			t.Errorf("%s does not delete", line)
		}
		if c.name == name {
			got = append(got, place(line))
		}
	}
	return got
}

func place(line string) string {
	domain, path, partitioned := "host", "", ""
	for attribute := range strings.SplitSeq(line, "; ") {
		switch name, value, _ := strings.Cut(attribute, "="); name {
		case "Domain":
			domain = value
		case "Path":
			path = value
		case "Partitioned":
			partitioned = " partitioned"
		}
	}
	return domain + " " + path + partitioned
}

func TestLeftoversAreExpired(t *testing.T) {
	for _, row := range []struct {
		name, host, uri, cookie string
		want                    []string
	}{
		{"every parent domain below the public suffix", "www.shop.example.co.uk", "/", "_pk_id.1",
			[]string{"host /", "www.shop.example.co.uk /", "shop.example.co.uk /", "example.co.uk /"}},
		{"the declared path and those of the request", "www.example.fr", "/shop/a?x=/y", "ads_id",
			[]string{
				"host /", "www.example.fr /", "example.fr /", "host /shop", "www.example.fr /shop", "example.fr /shop",
				"host /shop/", "www.example.fr /shop/", "example.fr /shop/", "host /shop/a", "www.example.fr /shop/a", "example.fr /shop/a",
			}},
		{"an undeclared one host-only at most", "www.example.fr", "/a", "zz", []string{"host /", "host /a"}},
		{"a public suffix takes no cookie", "portal.github.io", "/", "_pk_id.1", []string{"host /", "portal.github.io /"}},
		{"an address has no parents", "192.0.2.1:8080", "/", "_pk_id.1", []string{"host /"}},
		{"nor an IPv6 address", "[2001:db8::1]:8080", "/", "_pk_id.1", []string{"host /"}},
		{"nor a single label", "localhost:8080", "/", "_pk_id.1", []string{"host /"}},
		{"partitioned ones in both jars", "example.fr", "/", "chip",
			[]string{"host /", "host / partitioned", "example.fr /", "example.fr / partitioned"}},
		{"a __Host- cookie lives in one place", "www.example.fr", "/a", "__Host-zz", []string{"host /"}},
		{"exempt cookies stay", "www.example.fr", "/", "lang", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := newEnforcer(t, declaration())
			if got := expired(t, e, row.host, row.uri, row.cookie, row.cookie+"=1"); !slices.Equal(got, row.want) {
				t.Errorf("expired at\n%q, want\n%q", got, row.want)
			}
		})
	}
}

func TestPrefixedNamesAreExpiredWithSecure(t *testing.T) {
	for _, name := range []string{"__Secure-zz", "__host-zz", "__Http-zz"} {
		if line := (identity{path: "/"}).line(name); !strings.Contains(line, "; Secure") {
			t.Errorf("%s: browsers ignore the line", line)
		}
	}
}

func TestExpiringIsBoundedAndFinishedLater(t *testing.T) {
	e := newEnforcer(t, declaration())
	uri := "/shop/a/b/c/d/e/f"
	all := map[string]bool{}
	for _, path := range []string{"/", "/shop", "/shop/", "/shop/a", "/shop/a/", "/shop/a/b", "/shop/a/b/", "/shop/a/b/c", "/shop/a/b/c/", "/shop/a/b/c/d", "/shop/a/b/c/d/", "/shop/a/b/c/d/e", "/shop/a/b/c/d/e/", "/shop/a/b/c/d/e/f"} {
		for _, domain := range []string{"host ", "www.example.fr ", "example.fr "} {
			all[domain+path] = true
		}
	}
	for responses := 1; len(all) > 0; responses++ {
		if responses > 10 {
			t.Fatalf("after %d responses not expired: %v", responses, all)
		}
		h := http.Header{}
		r := visitor(t, e, nil, "ads_id=1")
		e.Begin(r, uri, true).enforceHeader(h, true)
		size := 0
		for _, line := range h["Set-Cookie"] {
			size += len("Set-Cookie: \r\n") + len(line)
			delete(all, place(line))
		}
		if size > maxExpiring {
			t.Errorf("%d bytes of expiring lines, at most %d", size, maxExpiring)
		}
	}
}

func TestExpiringAnswersAreNotShared(t *testing.T) {
	e := newEnforcer(t, declaration())
	h := http.Header{"Cache-Control": {"public, max-age=600, s-maxage=900"}, "Cdn-Cache-Control": {"max-age=900"}}
	begin(e, visitor(t, e, nil, "ads_id=1")).enforceHeader(h, true)
	if got := h["Cache-Control"]; !slices.Equal(got, []string{"private, max-age=600"}) || h["Cdn-Cache-Control"] != nil {
		t.Errorf("Cache-Control = %q, CDN-Cache-Control = %q", got, h["Cdn-Cache-Control"])
	}
	h = http.Header{"Cache-Control": {`max-age=60, no-cache="set-cookie, set-cookie2"`}}
	begin(e, visitor(t, e, nil, "ads_id=1")).enforceHeader(h, true)
	if got := h.Get("Cache-Control"); got != `private, max-age=60, no-cache="set-cookie, set-cookie2"` {
		t.Errorf("Cache-Control = %q", got)
	}
	h = http.Header{"Cache-Control": {"no-cache, max-age=60"}}
	for _, name := range []string{"Cloudflare-Cdn-Cache-Control", "Surrogate-Control", "Edge-Control", "X-Accel-Expires"} {
		h.Set(name, "max-age=900")
	}
	begin(e, visitor(t, e, nil, "ads_id=1")).enforceHeader(h, true)
	if got := h.Get("Cache-Control"); got != "private, no-cache, max-age=60" || len(h) != 2 {
		t.Errorf("Cache-Control = %q, in %v: nothing else may speak to caches", got, h)
	}
	h = http.Header{"Cache-Control": {"public, max-age=600"}}
	begin(e, visitor(t, e, nil, "lang=fr")).enforceHeader(h, true)
	if got := h.Get("Cache-Control"); got != "public, max-age=600" {
		t.Errorf("Cache-Control = %q, want it untouched", got)
	}
}

func TestChoosingExpiresWhatIsRefusedNow(t *testing.T) {
	e := newEnforcer(t, declaration())
	cookies := []string{"ads_id=1; lang=fr"}
	r := visitor(t, e, []string{"marketing"}, cookies...)
	v := begin(e, r)
	v.Choose(e.Policy.RefuseAll(policy.Choice{}, clock), cookies)
	h := http.Header{}
	v.Expire(h)
	if len(h["Set-Cookie"]) == 0 || !strings.HasPrefix(h["Set-Cookie"][0], "ads_id=; ") {
		t.Errorf("Set-Cookie = %q, want ads_id expired", h["Set-Cookie"])
	}
	if cookies[0] != "ads_id=1; lang=fr" {
		t.Errorf("the request's lines became %q", cookies)
	}
}

func TestExpiringCostsLittle(t *testing.T) {
	e := newEnforcer(t, declaration())
	var cookies []string
	for i := range maxNoted {
		cookies = append(cookies, fmt.Sprintf("_pk_id.%d=1", i))
	}
	r := visitor(t, e, nil, strings.Join(cookies, "; "))
	r.Host = strings.Repeat("a.", 1500) + "example.fr"
	uri := "/" + strings.Repeat("a/", 6000)
	least := testing.AllocsPerRun(1, func() { e.Begin(r.Clone(t.Context()), uri, true).Expire(http.Header{}) })
	if least > 1000 {
		t.Errorf("%v allocations for one request", least)
	}
	if got := len(parentDomains(strings.Repeat("a.", 100) + "example.fr")); got != maxDomains {
		t.Errorf("%d domains of a deep name, want %d", got, maxDomains)
	}
}

func TestALongNameHoldsNothingUp(t *testing.T) {
	e := newEnforcer(t, declaration())
	if got := expired(t, e, "localhost", "/", "ads_id", "_pk_id."+strings.Repeat("x", 2100)+"=1; ads_id=1"); len(got) == 0 {
		t.Error("nothing was expired")
	}
}

func TestUndeclaredOnesDoNotCrowdOut(t *testing.T) {
	e := newEnforcer(t, declaration())
	var cookies []string
	for i := range 2 * maxNoted {
		cookies = append(cookies, fmt.Sprintf("other%d=1", i))
	}
	v := begin(e, visitor(t, e, nil, strings.Join(append(cookies, "ads_id=1"), "; ")))
	if len(v.dropped) != maxNoted || v.dropped[maxNoted-1].name != "ads_id" {
		t.Errorf("%d noted, the last %q", len(v.dropped), v.dropped[maxNoted-1].name)
	}
}
