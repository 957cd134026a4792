package enforcer

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

func TestCookieHeader(t *testing.T) {
	for _, row := range []struct {
		name    string
		granted []string // nil: no choice
		lines   []string
		want    []string
	}{
		{"exempt cookies pass before any choice", nil, []string{"sessionid=a; lang=fr"}, []string{"sessionid=a; lang=fr"}},
		{"declared cookies wait for their grant", nil, []string{"sessionid=a; _pk_id.1=x"}, []string{"sessionid=a"}},
		{"a grant opens its category", []string{"statistics"}, []string{"_pk_id.1=x; ads_id=y"}, []string{"_pk_id.1=x"}},
		{"undeclared cookies never pass", []string{"statistics", "marketing"}, []string{"zz=1"}, nil},
		{"the preference cookie is not the site's business", []string{"statistics"}, []string{"lang=fr"}, []string{"lang=fr"}},
		{"the first goes", nil, []string{"zz=1; lang=fr; sessionid=a"}, []string{"lang=fr; sessionid=a"}},
		{"the middle goes", nil, []string{"lang=fr; zz=1; sessionid=a"}, []string{"lang=fr; sessionid=a"}},
		{"the last goes", nil, []string{"lang=fr; sessionid=a; zz=1"}, []string{"lang=fr; sessionid=a"}},
		{"several go", nil, []string{"a=1; lang=fr; b=2; c=3; sessionid=a; d=4"}, []string{"lang=fr; sessionid=a"}},
		{"no space after semicolons", nil, []string{"zz=1;lang=fr;zz=2;sessionid=a"}, []string{"lang=fr;sessionid=a"}},
		{"odd spaces stay where nothing goes", nil, []string{" lang = fr ;  sessionid=a "}, []string{" lang = fr ;  sessionid=a "}},
		{"duplicates are judged one by one, in order", nil, []string{"lang=a; zz=1; lang=b"}, []string{"lang=a; lang=b"}},
		{"all go", nil, []string{"a=1; b=2"}, nil},
		{"several lines", nil, []string{"lang=fr", "zz=1", "a=1; sessionid=b"}, []string{"lang=fr", "sessionid=b"}},
		{"names are compared as they are", nil, []string{"Lang=fr; SESSIONID=a; lang%20=x"}, nil},
		{"a value may hold =", nil, []string{"lang=a=b=="}, []string{"lang=a=b=="}},
		{"quotes hide nothing", nil, []string{`lang="x; zz=1; y"`}, []string{`lang="x`}},
		{"odd bytes in values stay", nil, []string{"lang=\xff\"\\,{}é"}, []string{"lang=\xff\"\\,{}é"}},
		{"a comma is data", nil, []string{"lang=a, zz=1"}, []string{"lang=a, zz=1"}},
		{"nameless values go", nil, []string{"lang=fr; bare; =x; lang"}, []string{"lang=fr"}},
		{"$ switches legacy parsers", nil, []string{"$Version=1; lang=fr; $Path=/"}, []string{"lang=fr"}},
		{"empty pieces are no cookies", nil, []string{"lang=fr;; sessionid=a;"}, []string{"lang=fr;; sessionid=a;"}},
		{"only empty pieces", nil, []string{";;"}, []string{";;"}},
		{"an empty value is a value", nil, []string{"lang=; zz="}, []string{"lang="}},
		{"a __Host- name in other letters is another name", nil, []string{"__HOST-token=1; __Host-token=2"}, []string{"__Host-token=2"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := newEnforcer(t, declaration())
			r := visitor(t, e, row.granted, row.lines...)
			begin(e, r)
			if got := r.Header["Cookie"]; !slices.Equal(got, row.want) {
				t.Errorf("Cookie %q became %q, want %q", row.lines, got, row.want)
			}
		})
	}
}

func TestUndeclaredMayBeTolerated(t *testing.T) {
	d := declaration()
	d.AllowUndeclared = true
	e := newEnforcer(t, d)
	r := visitor(t, e, nil, "zz=1; ads_id=2")
	begin(e, r)
	if got := r.Header.Get("Cookie"); got != "zz=1" {
		t.Errorf("Cookie = %q, want zz=1", got)
	}
}

func TestManyPairs(t *testing.T) {
	var pairs []string
	for i := range 5000 {
		pairs = append(pairs, fmt.Sprintf("x%d=1", i), "lang=fr")
	}
	e := newEnforcer(t, declaration())
	r := visitor(t, e, nil, strings.Join(pairs, "; "))
	begin(e, r)
	got := r.Header.Get("Cookie")
	if strings.Count(got, "lang=fr") != 5000 || strings.Contains(got, "x") {
		t.Errorf("%d of 5000 granted pairs passed, undeclared: %v", strings.Count(got, "lang=fr"), strings.Contains(got, "x"))
	}
}

func TestConsentHeader(t *testing.T) {
	for _, row := range []struct {
		name    string
		granted []string
		gpc     string
		want    string
	}{
		{"before any choice", nil, "", "necessary, audience"},
		{"a category", []string{"statistics"}, "", "necessary, statistics, audience"},
		{"everything", []string{"statistics", "marketing"}, "", "necessary, statistics, marketing, audience"},
		{"GPC alone grants nothing", nil, "1", "necessary, audience"},
		{"an explicit choice beats GPC", []string{"marketing"}, "1", "necessary, marketing, audience"},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := newEnforcer(t, declaration())
			r := visitor(t, e, row.granted)
			r.Header["Cookie-Consent"] = []string{"marketing"}
			r.Header.Set("Cookie_Consent", "marketing")
			if row.gpc != "" {
				r.Header.Set("Sec-GPC", row.gpc)
			}
			begin(e, r)
			if got := r.Header["Cookie-Consent"]; !slices.Equal(got, []string{row.want}) {
				t.Errorf("Cookie-Consent = %q, want %q", got, row.want)
			}
			if len(r.Header.Values("Cookie_Consent")) > 0 {
				t.Error("the client's Cookie_Consent went on")
			}
			if got := r.Header.Get("Sec-GPC"); got != row.gpc {
				t.Errorf("Sec-GPC = %q, want it unchanged", got)
			}
		})
	}
}

func TestGlobalPrivacyControl(t *testing.T) {
	for _, row := range []struct {
		name   string
		values []string
		on     bool
		want   policy.State
	}{
		{"1 objects", []string{"1"}, true, policy.GPC},
		{"0 is nothing", []string{"0"}, true, policy.Unanswered},
		{"true is nothing", []string{"true"}, true, policy.Unanswered},
		{"a list is nothing", []string{"1, 1"}, true, policy.Unanswered},
		{"one of several is enough", []string{"0", "1"}, true, policy.GPC},
		{"off", []string{"1"}, false, policy.Unanswered},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := newEnforcer(t, declaration())
			e.GlobalPrivacyControl = row.on
			r := visitor(t, e, nil)
			r.Header["Sec-Gpc"] = row.values
			if got := begin(e, r).Standing.State; got != row.want {
				t.Errorf("state = %q, want %q", got, row.want)
			}
		})
	}
}

// FuzzCookieHeader: what is kept is a subsequence of the pieces, byte for byte,
// each of which may pass; nothing that may pass is lost; and cutting twice
// changes nothing more.
func FuzzCookieHeader(f *testing.F) {
	for _, seed := range []string{"", ";", "a=1; lang=fr", "lang=\"; zz=1\"", " lang = x ;lang", "$a=1;=;;lang=;", "_pk_id.=1;sessionid=2\t"} {
		f.Add(seed)
	}
	e := newEnforcer(f, declaration())
	f.Fuzz(func(t *testing.T, line string) {
		v := &Visit{enforcer: e, Standing: e.Policy.Judge(policy.Choice{}, false)}
		got := v.cutCookieLine(line)
		var want []string
		for piece := range strings.SplitSeq(line, ";") {
			name, _, named := strings.Cut(piece, "=")
			name = strings.Trim(name, " \t")
			if strings.Trim(piece, " \t") == "" || named && slices.Contains([]string{"sessionid", "__Host-token", "lang", "theme", "visitor", "plain"}, name) {
				want = append(want, piece)
			}
		}
		kept := strings.Split(got, ";")
		if len(kept) == len(want) && len(want) > 0 && kept[0] != want[0] {
			want[0] = strings.TrimLeft(want[0], " \t") // of a first piece that moved to the front
		}
		if len(want) == 0 {
			want = []string{""}
		}
		if !slices.Equal(kept, want) {
			t.Fatalf("%q became %q, want pieces %q", line, got, want)
		}
		if again := v.cutCookieLine(got); again != got {
			t.Fatalf("%q became %q, then %q", line, got, again)
		}
	})
}

// benchmarkNames declares n cookies and returns the header of a portal behind a
// load balancer: ten cookies with values as long as theirs are.
func benchmarkNames(n int) (policy.Declaration, string) {
	d := declaration()
	service := &d.Services[0]
	pairs := []struct {
		name   string
		length int
	}{
		{"AWSALB", 128}, {"AWSALBCORS", 128}, {"csrftoken", 64}, {"django_session", 32}, {"django_language", 2},
		{"messages", 180}, {"_ga", 27}, {"_ga_K7B2XQ9L0M", 52}, {"_gid", 26}, {"wordpress_logged_in", 90},
	}
	var header []string
	for i := range n {
		name := fmt.Sprintf("cookie_%d_of_service", i)
		if i < len(pairs) {
			name = pairs[i].name
			header = append(header, name+"="+strings.Repeat("0", pairs[i].length))
		}
		service.Cookies = append(service.Cookies, policy.Cookie{Name: name})
	}
	return d, strings.Join(header, "; ")
}

func BenchmarkCookieHeader(b *testing.B) {
	for _, c := range []struct {
		name  string
		names int
		extra string
	}{{"kept/10 declared", 10, ""}, {"kept/2000 declared", 2000, ""}, {"cut/10 declared", 10, "; lang=fr; zz=1; theme=x"}} {
		b.Run(c.name, func(b *testing.B) {
			d, line := benchmarkNames(c.names)
			e := newEnforcer(b, d)
			v := &Visit{enforcer: e, Standing: e.Policy.Judge(policy.Choice{}, false)}
			v.dropped = v.buffer[:0]
			line += c.extra
			lines := []string{line}
			b.ReportAllocs()
			for b.Loop() {
				lines[0] = line
				v.cutCookies(lines)
			}
		})
	}
	b.Run("net/http alone", func(b *testing.B) {
		_, line := benchmarkNames(10)
		r := &http.Request{Header: http.Header{"Cookie": {line}}}
		b.ReportAllocs()
		for b.Loop() {
			if len(r.Cookies()) != 10 {
				b.Fatal("lost a cookie")
			}
		}
	})
}
