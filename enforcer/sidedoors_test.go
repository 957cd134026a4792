package enforcer

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// heldBack holds back every address that names the host "ads".
func heldBack(address string) bool {
	return strings.Contains(strings.ToLower(address), "//ads")
}

func TestSideDoors(t *testing.T) {
	const ads, own = "https://ads/x", "https://cdn.example.fr/x"
	for _, row := range []struct {
		name   string
		header string
		value  string // lines joined by "|"
		want   string
	}{
		{name: "a preload", header: "Link", value: "<" + ads + ">; rel=preload; as=script"},
		{name: "a preload of the site's own", header: "Link", value: "<" + own + ">; rel=preload", want: "<" + own + ">; rel=preload"},
		{name: "relative to the page's scheme", header: "Link", value: "<//ads/x>;rel=stylesheet"},
		{name: "every keyword that loads", header: "Link",
			value: "<//ads>;rel=modulepreload,<//ads>;rel=prefetch,<//ads>;rel=prerender,<//ads>;rel=preconnect,<//ads>;rel=dns-prefetch,<//ads>;rel=icon," +
				"<//ads>;rel=apple-touch-icon,<//ads>;rel=apple-touch-icon-precomposed,<//ads>;rel=mask-icon,<//ads>;rel=manifest,<//ads>;rel=compression-dictionary"},
		{name: "keywords that load nothing", header: "Link", value: `<//ads>; rel=canonical, <//ads>; rel="next alternate"`, want: `<//ads>; rel=canonical, <//ads>; rel="next alternate"`},
		{name: "one keyword of several", header: "Link", value: `<//ads>; rel="alternate STYLESHEET"`},
		{name: "names of parameters are case-insensitive", header: "Link", value: `<//ads>; REL=Preload`},
		{name: "space around a parameter", header: "Link", value: `<//ads> ; rel = "preload" `},
		{name: "no rel", header: "Link", value: "<//ads>; as=script", want: "<//ads>; as=script"},
		{name: "the first rel counts", header: "Link", value: "<//ads>; rel=next; rel=preload, <//ads>; rel=preload; rel=next", want: "<//ads>; rel=next; rel=preload"},
		{name: "escapes in quotes", header: "Link", value: `<//ads>; title="a\", b"; rel="pre\load"`},
		{name: "first of several", header: "Link", value: "<//ads>; rel=preload, </a>; rel=preload,</b>;rel=next", want: "</a>; rel=preload,</b>;rel=next"},
		{name: "in the middle", header: "Link", value: "</a>;rel=preload , <//ads>; rel=preload ,  </b>;rel=next", want: "</a>;rel=preload ,  </b>;rel=next"},
		{name: "last", header: "Link", value: "</a>;rel=preload, <//ads>; rel=preload", want: "</a>;rel=preload"},
		{name: "one line of several", header: "Link", value: "</a>;rel=next|<//ads>;rel=preload|</b>;rel=next", want: "</a>;rel=next|</b>;rel=next"},
		{name: "a comma in an address", header: "Link", value: "</a,//ads>;rel=canonical, </b>;rel=preload", want: "</a,//ads>;rel=canonical, </b>;rel=preload"},
		{name: "a comma in quotes", header: "Link", value: `</a>; title="<x>, <//ads>; rel=preload"; rel=next`, want: `</a>; title="<x>, <//ads>; rel=preload"; rel=next`},
		{name: "a semicolon in an address", header: "Link", value: "<//ads/;x>;rel=preload"},
		{name: "unterminated, which browsers ignore", header: "Link", value: "<//ads; rel=preload", want: "<//ads; rel=preload"},
		{name: "no brackets, which browsers ignore", header: "Link", value: "//ads; rel=preload", want: "//ads; rel=preload"},
		{name: "images of several widths", header: "Link", value: `</a>; rel=preload; as=image; imagesrcset="/b 1x, //ads/c 2x"`},
		{name: "images of the site's own", header: "Link", value: `</a>; rel=preload; imagesrcset="/b,c 1x, /d 2x"`, want: `</a>; rel=preload; imagesrcset="/b,c 1x, /d 2x"`},
		{name: "nothing left of empty values", header: "Link", value: ", <//ads>;rel=preload ,"},
		{name: "another spelling", header: "link", value: "<//ads>;rel=preload"},

		{name: "a refresh", header: "Refresh", value: "0; url=" + ads},
		{name: "a refresh in quotes", header: "Refresh", value: `3,URL = "` + ads + `"`},
		{name: "a refresh without url=", header: "Refresh", value: "0 " + ads},
		{name: "a refresh in Chromium's quotes", header: "Refresh", value: "0; url='//own'@x//ads/'"},
		{name: "a refresh in quotes up to the first", header: "Refresh", value: `0; url="//ads" "`},
		{name: "a refresh to the site", header: "Refresh", value: "0; url=/x", want: "0; url=/x"},
		{name: "a refresh of the page itself", header: "Refresh", value: "30", want: "30"},
		{name: "a refresh that is none", header: "Refresh", value: "url=" + ads, want: "url=" + ads},

		{name: "an endpoint", header: "Reporting-Endpoints", value: `a="` + ads + `"`},
		{name: "one endpoint of several", header: "Reporting-Endpoints", value: `a="/a", b="` + ads + `";x=1, c="/c,//d"`, want: `a="/a", c="/c,//d"`},
		{name: "an endpoint that is no string", header: "Reporting-Endpoints", value: `a=//ads`, want: `a=//ads`},

		{name: "rules for speculation", header: "Speculation-Rules", value: `"/rules", "` + ads + `"`, want: `"/rules"`},
		{name: "rules of others alone", header: "Speculation-Rules", value: `"` + ads + `"`},

		{name: "a source map", header: "Sourcemap", value: ads},
		{name: "the old name of it", header: "X-Sourcemap", value: " " + ads},
		{name: "the spelling of the standard", header: "SourceMap", value: ads},
		{name: "a source map of the site's own", header: "Sourcemap", value: "/x.map", want: "/x.map"},

		{name: "reports of violations", header: "Content-Security-Policy", value: "default-src 'self'; report-uri " + ads, want: "default-src 'self'"},
		{name: "and of those only watched", header: "Content-Security-Policy-Report-Only", value: "default-src 'self'; REPORT-URI\t" + ads + " /own ;", want: "default-src 'self'; REPORT-URI /own ;"},
		{name: "the directive comes first", header: "Content-Security-Policy", value: "report-uri " + ads + "; img-src //ads", want: "img-src //ads"},
		{name: "every report-uri", header: "Content-Security-Policy", value: "img-src *;report-uri //ads;report-uri //ads/2 /b;x", want: "img-src *;report-uri /b;x"},
		{name: "a policy that only reports", header: "Content-Security-Policy", value: "report-uri //ads"},
		{name: "one policy of several", header: "Content-Security-Policy", value: "img-src *, report-uri //ads;, font-src *", want: "img-src *, font-src *"},
		{name: "policies are left alone else", header: "Content-Security-Policy", value: ";; report-uri ; script-src //ads  ;,", want: ";; report-uri ; script-src //ads  ;,"},

		{name: "other fields", header: "Location", value: ads, want: ads},
	} {
		t.Run(row.name, func(t *testing.T) {
			lines := strings.Split(row.value, "|")
			h := http.Header{row.header: lines}
			closeSideDoors(h, heldBack)
			if got := strings.Join(h[row.header], "|"); got != row.want {
				t.Errorf("%s: %s\nbecame %s\nwant   %s", row.header, row.value, got, row.want)
			}
			if row.want == "" && len(h) > 0 {
				t.Errorf("an empty %s is left", row.header)
			}
			if strings.Join(lines, "|") != row.value {
				t.Error("the lines of another were written to")
			}
		})
	}
}

func TestReportTo(t *testing.T) {
	const (
		own   = `{"group":"own","max_age":9,"endpoints":[{"url":"https://example.fr/r"}]}`
		ads   = `{"group":"ads","max_age":9,"endpoints":[{"url":"/r"},{"url":"https://ads/r"}]}`
		plain = `{"max_age":9,"endpoints":[{"url":"https://ads/r"}]}`
		ended = `{"group":"ads","max_age":0,"endpoints":[{"url":"https://ads/r"}]}`
	)
	nel := func(group string) string { return `{"report_to":"` + group + `","max_age":9}` }
	for _, row := range []struct {
		name          string
		reportTo, nel []string
		wantTo        string // lines joined by "|"
		wantNEL       bool
	}{
		{name: "groups of the site's own", reportTo: []string{own}, nel: []string{nel("own")}, wantTo: own, wantNEL: true},
		{name: "a group with an endpoint held back", reportTo: []string{ads}, nel: []string{nel("ads")}},
		{name: "one of several on a line", reportTo: []string{own + " ,\t" + ads}, nel: []string{nel("own")}, wantTo: own, wantNEL: true},
		{name: "one of several lines", reportTo: []string{ads, own}, nel: []string{nel("ads")}, wantTo: own},
		{name: "an object over two lines, as browsers join them", reportTo: []string{`{"group":"ads","max_age":9`, `"endpoints":[{"url":"//ads"}]}`}},
		{name: "no name is default", reportTo: []string{own, plain}, nel: []string{`{"max_age":9}`}, wantTo: own},
		{name: "a name with a group kept and one gone", reportTo: []string{own, strings.Replace(ads, `"ads"`, `"own"`, 1)}, nel: []string{nel("own")}, wantTo: own},
		{name: "a group from before", nel: []string{nel("ads")}},
		{name: "a group that is not among them", reportTo: []string{own}, nel: []string{nel("before")}, wantTo: own},
		{name: "what makes a browser forget", reportTo: []string{ended}, nel: []string{`{"max_age":0}`}, wantTo: ended, wantNEL: true},
		{name: "a group that is forgotten gets no reports", reportTo: []string{ended}, nel: []string{nel("ads")}, wantTo: ended},
		{name: "what is no JSON", reportTo: []string{"{" + own}, nel: []string{nel("own")}},
		{name: "reports that are no JSON", reportTo: []string{own}, nel: []string{"{"}, wantTo: own},
		{name: "what is no object", reportTo: []string{`1, "x", [], ` + own + `, {"endpoints":1}, {"endpoints":[1]}`}, nel: []string{nel("own")},
			wantTo: `1, "x", [], ` + own + `, {"endpoints":1}, {"endpoints":[1]}`, wantNEL: true},
		{name: "an address written with escapes", reportTo: []string{`{"group":"a","max_age":9,"endpoints":[{"url":"https:\/\/\u0061ds/r"}]}`}},
		{name: "names of members are exact", reportTo: []string{`{"endpoints":[{"url":"//ads"}],"Endpoints":[]}`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := http.Header{}
			if row.reportTo != nil {
				h["Report-To"] = slices.Clone(row.reportTo)
			}
			if row.nel != nil {
				h["Nel"] = slices.Clone(row.nel)
			}
			closeSideDoors(h, heldBack)
			if got := strings.Join(h["Report-To"], "|"); got != row.wantTo {
				t.Errorf("Report-To: %s\nbecame %s\nwant   %s", row.reportTo, got, row.wantTo)
			}
			if _, got := h["Nel"]; got != row.wantNEL {
				t.Errorf("NEL: %s with Report-To: %s stays: %v, want %v", row.nel, row.reportTo, got, row.wantNEL)
			}
		})
	}
}

func TestSideDoorsLeaveNothingElse(t *testing.T) {
	h := http.Header{
		"Content-Type": {"text/html"}, "Location": {"https://ads/"}, "Link": {"</a>;rel=preload", "<//ads>;rel=canonical"},
		"Refresh": {"5"}, "Report-To": {`{"endpoints":[{"url":"/r"}]}`}, "Nel": {`{}`}, "Content-Security-Policy": {"script-src https://ads"},
	}
	before := h.Clone()
	closeSideDoors(h, heldBack)
	if !maps.EqualFunc(h, before, slices.Equal) {
		t.Errorf("%v became %v", before, h)
	}
}

func FuzzSideDoors(f *testing.F) {
	for _, seed := range []string{
		`<//ads>; rel=preload, </a>; rel="a, b"`, "<a>, <//ads>;rel=icon", `"//ads", "/a"`, `a="//ads"`, "0;url=//ads", "report-uri //ads /a; x, report-uri //ads",
		`{"endpoints":[{"url":"//ads"}]}, {}`, `"\`, "<", ",;,",
	} {
		f.Add(seed, seed)
	}
	names := []string{"Link", "Refresh", "Report-To", "Nel", "Reporting-Endpoints", "Speculation-Rules", "Sourcemap", "Content-Security-Policy"}
	f.Fuzz(func(t *testing.T, first, second string) {
		for _, name := range names {
			h := http.Header{name: {first, second}}
			closeSideDoors(h, heldBack)
			left := strings.Join(h[name], "\n")
			if !isSubsequence(left, first+"\n"+second) && name != "Report-To" {
				t.Fatalf("%s: %q, %q became %q", name, first, second, left)
			}
			again := http.Header{name: slices.Clone(h[name])}
			closeSideDoors(again, heldBack)
			if got := strings.Join(again[name], "\n"); got != left && name != "Nel" {
				t.Fatalf("%s: %q, %q became %q, then %q", name, first, second, left, got)
			}
		}
		h := http.Header{"Link": {first}}
		closeSideDoors(h, heldBack)
		all := links(first)
		for _, line := range h["Link"] {
			for _, value := range links(line) {
				if heldLink(value, heldBack) {
					t.Fatalf("%q passed in %q", value, first)
				}
				at := slices.Index(all, value)
				if at < 0 {
					t.Fatalf("%q is not in %q", value, first)
				}
				all = all[at+1:]
			}
		}
	})
}

// links returns the values of a Link header.
func links(line string) (values []string) {
	for more := true; more; {
		var value string
		value, line, more = cutPiece(line, ',', brackets)
		values = append(values, strings.Trim(value, " \t"))
	}
	return values
}

// isSubsequence reports whether text is what is left of whole.
func isSubsequence(text, whole string) bool {
	for i := 0; i < len(text); i++ {
		at := strings.IndexByte(whole, text[i])
		if at < 0 {
			return false
		}
		whole = whole[at+1:]
	}
	return true
}

func BenchmarkSideDoors(b *testing.B) {
	plain := http.Header{
		"Content-Type": {"text/html; charset=utf-8"}, "Content-Length": {"5120"}, "Cache-Control": {"no-cache"}, "Vary": {"Cookie"},
		"Set-Cookie": {"sessionid=1"}, "Server": {"x"}, "Date": {"x"}, "X-Content-Type-Options": {"nosniff"}, "Referrer-Policy": {"same-origin"},
		"Strict-Transport-Security": {"max-age=1"}, "Etag": {"x"}, "X-Frame-Options": {"DENY"},
	}
	doors := plain.Clone()
	doors["Link"] = []string{"</static/a.css>; rel=preload; as=style, </static/b.js>; rel=modulepreload"}
	doors["Content-Security-Policy"] = []string{"default-src 'self'; script-src 'self' 'nonce-abc'; report-uri /csp"}
	for name, h := range map[string]http.Header{"none": plain, "of the site's own": doors} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				closeSideDoors(h, heldBack)
			}
		})
	}
}
