package audit

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

func TestParseScript(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"all steps", "# log in\nopen /login\nfill #user alice\nfill \"#a b\"  two words \nclick button[type=submit]\nwait .in\n", ""},
		{"quoted selector", `click "button.a button"`, ""},
		{"selector with blanks", "wait main .in", ""},
		{"no step", "# nothing\n\n", "the login script has no step"},
		{"unknown step", "open /\ntype #user alice", `line 2: unknown step "type"; there are open, fill, click and wait`},
		{"open without URL", "open", "line 1: open needs a URL"},
		{"click without selector", "\nclick ", "line 2: click needs a selector"},
		{"fill without value", "fill #user", "line 1: fill needs a selector and a value"},
		{"no closing quote", `fill "#user ` + secret, "line 1: the selector of fill has no closing quote"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := ParseScript(strings.NewReader(row.text))
			if got := errorText(err); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func FuzzParseScript(f *testing.F) {
	f.Add("open /\nfill \"#a b\" x\nclick a")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseScript(strings.NewReader(text))
		if err == nil && len(s.steps) == 0 {
			t.Error("no step and no error")
		}
		if err == nil {
			for _, step := range s.steps {
				if step.target == "" || step.line < 1 || step.verb == "fill" && step.value == "" {
					t.Errorf("incomplete step %+v", step)
				}
			}
		}
	})
}

func script(t *testing.T, text string) *Script {
	t.Helper()
	s, err := ParseScript(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestLogin audits what is behind a login, with a header that staging sites ask for.
func TestLogin(t *testing.T) {
	t.Setenv("AUDIT_TEST_PASSWORD", secret)
	b := newBed(t, false)
	third := b.put("cdn.localhost", map[string]http.HandlerFunc{"/lib.js": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
	}})
	site := b.put("members.localhost", map[string]http.HandlerFunc{
		"/": func(w http.ResponseWriter, r *http.Request) {
			if c, err := r.Cookie("sessionid"); err != nil || c.Value != secret {
				http.Redirect(w, r, "/login", http.StatusSeeOther)
				return
			}
			settingCookies(html(`<p class=in>Hello</p><script src="`+third+`/lib.js" crossorigin></script>`), "members_only; Path=/")(w, r)
		},
		"/login": func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && r.FormValue("user") == "alice smith" && r.FormValue("password") == secret {
				w.Header().Add("Set-Cookie", "sessionid="+secret+"; HttpOnly; Path=/")
				http.Redirect(w, r, "/", http.StatusSeeOther)
				return
			}
			html(`<form method=post><input name=user value=old><input name=password type=password><button>Log in</button></form>`)(w, r)
		},
	})
	o := quick(site)
	o.Login = script(t, "open /login\nfill input[name=user] alice smith\nfill [name=password] {env.AUDIT_TEST_PASSWORD}\nclick button\nwait .in")
	o.Header = http.Header{"X-Staging": {"open"}}
	if err := o.Login.Check(); err != nil {
		t.Error(err)
	}
	r := run(t, o)
	if !r.LoggedIn || r.Pass(Before).Pages[0].Status != http.StatusOK {
		t.Errorf("not logged in: %+v", r.Pass(Before).Pages)
	}
	if thing := r.thing(KindCookie, "members_only", "members.localhost"); thing == nil {
		t.Errorf("what is set behind the login is not seen: %+v", r.Things)
	}
	for _, asked := range b.requests("members.localhost") {
		if asked.header.Get("X-Staging") != "open" {
			t.Errorf("%s is asked for without the header", asked.path)
		}
	}
	if asked := b.requests("cdn.localhost"); len(asked) == 0 {
		t.Error("the third party is never asked")
	} else {
		for _, q := range asked {
			if q.header.Get("X-Staging") != "" {
				t.Error("the header goes to a third party")
			}
		}
	}
}

func TestLoginErrors(t *testing.T) {
	t.Parallel()
	if err := script(t, "fill #p {env.AUDIT_TEST_UNSET}").Check(); err == nil || err.Error() != "line 1: the environment has no AUDIT_TEST_UNSET" {
		t.Errorf("an unset variable: %v", err)
	}
	b := newBed(t, false)
	site := b.put("login.localhost", map[string]http.HandlerFunc{"/": html("x")})
	o := quick(site)
	o.Timeout = 500_000_000
	o.Login = script(t, "open /\n\nfill #missing "+secret)
	shared, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	o.shared = shared
	_, err = Run(context.Background(), o)
	if want := `before any choice: login script, line 3: fill: nothing visible matches "#missing" in time`; errorText(err) != want {
		t.Errorf("got %q, want %q", errorText(err), want)
	}
}
