package enforcer

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

func TestSetCookie(t *testing.T) {
	const (
		gone     = ""
		in90days = "Sun, 21 Feb 2027 12:00:00 GMT"
	)
	everything := []string{"statistics", "marketing"}
	for _, row := range []struct {
		name    string
		granted []string
		line    string
		want    string
	}{
		{"exempt cookies pass before any choice", nil, "lang=fr; Path=/", "lang=fr; Path=/"},
		{"declared cookies wait for their grant", nil, "ads_id=1; Path=/", gone},
		{"a grant lets them pass", everything, "ads_id=1; Path=/", "ads_id=1; Path=/"},
		{"undeclared cookies never pass", everything, "zz=1", gone},
		{"the preference cookie is not the site's to set", everything, "cookies_preferences=forged", gone},
		{"nor to delete", everything, "cookies_preferences=; Max-Age=0", gone},
		{"names are compared as they are", nil, "Lang=fr", gone},
		{"odd but legal syntax stays", nil, "lang =\"a, b\" ;PATH=/;x-unknown;Priority=High; SameParty", "lang =\"a, b\" ;PATH=/;x-unknown;Priority=High; SameParty"},
		{"a comma does not begin another cookie", nil, "lang=1; Path=/, zz=2", "lang=1; Path=/, zz=2"},
		{"nameless cookies never pass", everything, "value; Path=/", gone},
		{"nor those with an empty name", everything, "=lang=fr", gone},
		{"control characters", nil, "lang=f\x01r", gone},
		{"a tab is space", nil, "\tlang\t=fr", "\tlang\t=fr"},
		{"an empty line", nil, "", gone},

		{"deleting is always allowed", nil, "ads_id=; Max-Age=0; Path=/shop; Domain=example.fr", "ads_id=; Max-Age=0; Path=/shop; Domain=example.fr" + ended},
		{"by a date too", nil, "zz=; Expires=Thu, 01-Jan-1970 00:00:10 GMT", "zz=; Expires=Thu, 01-Jan-1970 00:00:10 GMT" + ended},
		{"negative Max-Age deletes", nil, "zz=x; max-age=-1", "zz=; max-age=-1" + ended},
		{"a doubtful deletion of what passes", nil, "lang=x; Max-Age=0; Max-Age=+99999999", "lang=; Max-Age=0; Max-Age=+99999999" + ended},
		{"what passes is deleted byte for byte", nil, "lang=x; max-age=-1", "lang=x; max-age=-1"},
		{"Max-Age beats Expires", nil, "zz=x; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", gone},
		{"the last Max-Age counts", nil, "zz=x; Max-Age=0; Max-Age=60", gone},
		{"browsers that follow an invalid Max-Age delete too", nil, "zz=x; Max-Age=0; Max-Age=soon", "zz=; Max-Age=0; Max-Age=soon" + ended},
		{"and those that follow an invalid date", nil, "zz=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Expires=", "zz=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Expires=" + ended},
		{"a year of five digits is far off", nil, "zz=x; Expires=Thu, 01 Jan 12099 1990 00:00:00 GMT", gone},
		{"quotes make it invalid", nil, `zz=x; Max-Age="0"`, gone},
		{"an invalid date is none", nil, "zz=x; Expires=0", gone},
		{"an attribute that browsers ignore for its length", nil, "zz=x; Max-Age=" + strings.Repeat("0", 1025), gone},

		{"a longer Max-Age is shortened", everything, "ads_id=1; Max-Age=99999999; Path=/", "ads_id=1; Max-Age=7776000; Path=/"},
		{"a shorter one stays", everything, "ads_id=1; Max-Age=60", "ads_id=1; Max-Age=60"},
		{"a later Expires is shortened", everything, "ads_id=1; expires=Fri, 01 Jan 2038 00:00:00 GMT; Path=/", "ads_id=1; expires=" + in90days + "; Path=/"},
		{"both are", everything, "ads_id=1; Expires=Fri, 01 Jan 2038 00:00:00 GMT; Max-Age=99999999", "ads_id=1; Expires=" + in90days + "; Max-Age=7776000"},
		{"every one of several", everything, "ads_id=1; Max-Age=99999999; Max-Age=88888888", "ads_id=1; Max-Age=7776000; Max-Age=7776000"},
		{"a huge one", everything, "ads_id=1; Max-Age=99999999999999999999999", "ads_id=1; Max-Age=7776000"},
		{"no lifetime stays a session cookie", everything, "ads_id=1", "ads_id=1"},
		{"nothing declared, nothing shortened", nil, "lang=1; Max-Age=99999999", "lang=1; Max-Age=99999999"},
		{"a session cookie loses its lifetime", nil, "theme=1; Max-Age=60; Path=/; Expires=Fri, 01 Jan 2038 00:00:00 GMT", "theme=1; Path=/"},
		{"a year of five digits is shortened", everything, "ads_id=1; Expires=Thu, 01 Jan 10000 00:00:00 GMT", "ads_id=1; Expires=" + in90days},
		{"what browsers may read otherwise goes", everything, "ads_id=1; Max-Age=60; Max-Age=1e9; Expires=1 Jan; Path=/", "ads_id=1; Max-Age=60; Path=/"},
		{"nothing declared, nothing taken away", nil, "lang=1; Max-Age=1e9; Expires=1 Jan", "lang=1; Max-Age=1e9; Expires=1 Jan"},
		{"__Host- rules are kept", nil, "__Host-token=1; Secure; Path=/; Max-Age=99999999", "__Host-token=1; Secure; Path=/; Max-Age=86400"},

		{"forgotten attributes are added", nil, "sessionid=1; Path=/", "sessionid=1; Path=/; Secure; HttpOnly; SameSite=Lax"},
		{"what is there is not added", nil, "sessionid=1; secure; httponly; samesite=Strict", "sessionid=1; secure; httponly; samesite=Strict"},
		{"partitioned comes with Secure", everything, "chip=1", "chip=1; Secure; SameSite=None; Partitioned"},

		{"exempt measurement is capped", nil, "visitor=1; Max-Age=60000000", "visitor=1; Max-Age=34128000"},
		{"even if nothing is declared", nil, "plain=1; Max-Age=60000000", "plain=1; Max-Age=34128000"},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := newEnforcer(t, declaration())
			h := http.Header{"Set-Cookie": {row.line}}
			begin(e, visitor(t, e, row.granted)).enforceHeader(h, true)
			if got := strings.Join(h["Set-Cookie"], "\n"); got != row.want {
				t.Errorf("%q became\n%q, want\n%q", row.line, got, row.want)
			}
		})
	}
}

func TestSecureAttributesNeedHTTPS(t *testing.T) {
	e := newEnforcer(t, declaration())
	r := visitor(t, e, nil)
	choice := e.Policy.AcceptAll(clock)
	r.Header.Set("Cookie", "cookies_preferences="+stored(t, e, "www.example.fr", choice))
	v := e.Begin(r, "/", false)
	h := http.Header{"Set-Cookie": {"sessionid=1", "chip=1"}}
	v.enforceHeader(h, true)
	if got, want := h["Set-Cookie"], []string{"sessionid=1; HttpOnly; SameSite=Lax", "chip=1"}; !slices.Equal(got, want) {
		t.Errorf("Set-Cookie = %q, want %q", got, want)
	}
}

func TestExemptMeasurementIsNotProlonged(t *testing.T) {
	e := newEnforcer(t, declaration())
	h := http.Header{"Set-Cookie": {"visitor=2; Max-Age=60", "visitor=; Max-Age=0", "plain=1; Max-Age=60"}}
	begin(e, visitor(t, e, nil, "visitor=1")).enforceHeader(h, true)
	if got, want := h["Set-Cookie"], []string{"visitor=; Max-Age=0", "plain=1; Max-Age=60"}; !slices.Equal(got, want) {
		t.Errorf("Set-Cookie = %q, want %q", got, want)
	}
}

func TestObjectionEndsExemptMeasurement(t *testing.T) {
	e := newEnforcer(t, declaration())
	choice, err := e.Policy.Save(nil, []string{"audience"}, clock)
	if err != nil {
		t.Fatal(err)
	}
	r := visitor(t, e, nil, "cookies_preferences="+stored(t, e, "www.example.fr", choice)+"; visitor=1; lang=fr")
	v := begin(e, r)
	h := http.Header{"Set-Cookie": {"visitor=2"}}
	v.enforceHeader(h, true)
	if got := r.Header.Get("Cookie"); got != "lang=fr" {
		t.Errorf("Cookie = %q, want lang=fr", got)
	}
	for _, line := range h["Set-Cookie"] {
		if !strings.HasPrefix(line, "visitor=; ") {
			t.Errorf("Set-Cookie: %s, want expiring lines only", line)
		}
	}
}

func TestCookieDate(t *testing.T) {
	date := time.Date(1994, 11, 6, 8, 49, 37, 0, time.UTC)
	for _, row := range []struct {
		name, value string
		want        time.Time
		ok          bool
	}{
		{"RFC 1123", "Sun, 06 Nov 1994 08:49:37 GMT", date, true},
		{"RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", date, true},
		{"asctime", "Sun Nov  6 08:49:37 1994", date, true},
		{"any order", "1994 08:49:37 6 november", date, true},
		{"two digits below 70", "6 nov 22 08:49:37", time.Date(2022, 11, 6, 8, 49, 37, 0, time.UTC), true},
		{"every month", "6 may 1994 08:49:37", time.Date(1994, 5, 6, 8, 49, 37, 0, time.UTC), true},
		{"no time", "6 nov 1994", time.Time{}, false},
		{"no month", "6 1994 08:49:37", time.Time{}, false},
		{"hour 24", "6 nov 1994 24:00:00", time.Time{}, false},
		{"31 February", "31 feb 1994 08:49:37", time.Time{}, false},
		{"before 1601", "6 nov 1600 08:49:37", time.Time{}, false},
		{"empty", "", time.Time{}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, ok := parseCookieDate(row.value); got != row.want || ok != row.ok {
				t.Errorf("parseCookieDate(%q) = %v, %v, want %v, %v", row.value, got, ok, row.want, row.ok)
			}
		})
	}
}

// FuzzSetCookie: what leaves was declared or deletes, keeps its name and value
// byte for byte, gains only declared attributes, and is not changed by a second
// pass.
func FuzzSetCookie(f *testing.F) {
	for _, seed := range []string{"lang=fr", "ads_id=1; Max-Age=99999999", "theme=x;expires=Fri, 01 Jan 2038 00:00:00 GMT;;", "zz=1; max-age=0", "=x", "sessionid=\xff;secure"} {
		f.Add(seed)
	}
	e := newEnforcer(f, declaration())
	f.Fuzz(func(t *testing.T, line string) {
		v := &Visit{enforcer: e, HTTPS: true, Standing: e.Policy.Judge(e.Policy.AcceptAll(clock), false)}
		got, ok := v.filterSetCookie(line, clock)
		if !ok {
			return
		}
		pair, _, _ := strings.Cut(line, ";")
		name, _, _ := strings.Cut(pair, "=")
		verdict, rule := e.Policy.Verdict(trimOWS(name), &v.Standing.Grants)
		if kept, _, _ := strings.Cut(got, ";"); kept != pair && (!strings.HasSuffix(got, ended) || kept != name+"=") {
			t.Fatalf("%q became %q", line, got)
		}
		c, parsed := parseSetCookie(got)
		if !parsed {
			t.Fatalf("%q became %q, which no browser stores", line, got)
		}
		if !verdict.Passes() && !c.deletes(clock) {
			t.Fatalf("%q passed", line)
		}
		if rule != nil && rule.Lifetime == policy.Session && c.persists() && !c.deletes(clock) {
			t.Fatalf("%q became %q, which outlives the session", line, got)
		}
		if again, _ := v.filterSetCookie(got, clock); again != got {
			t.Fatalf("%q became %q, then %q", line, got, again)
		}
	})
}

func BenchmarkSetCookie(b *testing.B) {
	e := newEnforcer(b, declaration())
	v := &Visit{enforcer: e, HTTPS: true, Standing: e.Policy.Judge(policy.Choice{}, false)}
	for _, c := range []struct{ name, line string }{
		{"kept", "sessionid=0123456789abcdef; Path=/; Max-Age=1209600; Secure; HttpOnly; SameSite=Lax"},
		{"dropped", "ads_id=0123456789abcdef; Path=/; Max-Age=1209600"},
		{"shortened", "sessionid=0123456789abcdef; Path=/; Max-Age=99999999; Secure; HttpOnly; SameSite=Lax"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				v.filterSetCookie(c.line, clock)
			}
		})
	}
}
