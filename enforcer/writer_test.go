package enforcer

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// serve answers r under e with a site's handler, through a real server.
func serve(t *testing.T, e *Enforcer, change func(r *http.Request), site http.HandlerFunc) *http.Response {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := e.Begin(r, r.URL.RequestURI(), false)
		site(v.Writer(w), r)
		if err := v.Finish(nil); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	r, err := http.NewRequest(http.MethodGet, server.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Dest", "document")
	if change != nil {
		change(r)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func body(t *testing.T, response *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const page = "<!doctype html><title>t</title><body>hello"

func TestWhereTheBannerGoes(t *testing.T) {
	html := func(header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			_, _ = io.WriteString(w, page)
		}
	}
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	fetching := func(name, value string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Dest", "empty")
			r.Header.Set(name, value)
		}
	}
	for _, row := range []struct {
		name   string
		change func(*http.Request)
		site   http.HandlerFunc
		want   bool
	}{
		{"in a page", nil, html(), true},
		{"in the answer to a form", func(r *http.Request) { r.Method = http.MethodPost }, html(), true},
		{"in an error page", nil, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, page)
		}, true},
		{"for clients without Sec-Fetch", func(r *http.Request) { r.Header.Del("Sec-Fetch-Dest") }, html(), true},
		{"when the type is left to be sniffed", nil, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page) }, true},
		{"when it is sniffed behind a status", nil, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, page)
		}, true},
		{"in a whole page that a script fetched", set("Sec-Fetch-Dest", "empty"), html(), true},
		{"in any charset that extends ASCII", nil, html("Content-Type", "TEXT/HTML;charset=windows-1252"), true},
		{"in what is shown inline", nil, html("Content-Disposition", "inline; filename=a.html"), true},
		{"not in a frame", set("Sec-Fetch-Dest", "iframe"), html(), false},
		{"not in what htmx asks for", fetching("HX-Request", "true"), html(), false},
		{"not in a Turbo frame", fetching("Turbo-Frame", "a"), html(), false},
		{"not in what XMLHttpRequest asks for", fetching("X-Requested-With", "XMLHttpRequest"), html(), false},
		{"in what an application shows", set("X-Requested-With", "com.example.reader"), html(), true},
		{"in what is shown, whatever else is said", set("HX-Request", "true"), html(), true},
		{"in what is shown with a name alone", nil, html("Content-Disposition", `filename="page.html"`), true},
		{"in what is shown with no disposition at all", nil, html("Content-Disposition", `"inline"; filename=x`), true},
		{"not in what a template includes", set("Caddy-Templates-Include", "1"), html(), false},
		{"not in an image", set("Sec-Fetch-Dest", "image"), html(), false},
		{"not in a download", nil, html("Content-Disposition", "attachment"), false},
		{"not in JSON", nil, html("Content-Type", "application/json"), false},
		{"not in UTF-16", nil, html("Content-Type", "text/html; charset=UTF-16LE"), false},
		{"not in a coding we did not ask for", nil, html("Content-Encoding", "br"), false},
		{"not in a part", nil, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Range", "bytes 0-40/100")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = io.WriteString(w, page)
		}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			response := serve(t, newEnforcer(t, declaration()), row.change, row.site)
			got := body(t, response)
			if strings.Contains(got, "<body>[banner]hello") != row.want {
				t.Errorf("body = %q, want a banner: %v", got, row.want)
			}
			if !row.want && got != page {
				t.Errorf("body = %q, want it untouched", got)
			}
			private := response.Header.Get("Cache-Control") == "private, no-store"
			if private != row.want {
				t.Errorf("Cache-Control = %q", response.Header.Get("Cache-Control"))
			}
		})
	}
}

func TestHeaderOfAPage(t *testing.T) {
	response := serve(t, newEnforcer(t, declaration()), func(r *http.Request) {
		r.Header.Set("If-None-Match", `"a"`)
		r.Header.Set("Accept-Encoding", "br")
	}, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") != "" || r.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("the site was asked with %v", r.Header)
		}
		h := w.Header()
		h.Set("Content-Type", "text/html")
		h.Set("Content-Length", "41")
		h.Set("ETag", `"a"`)
		h.Set("Cache-Control", "public, max-age=60, no-transform")
		h.Set("Vary", "Cookie, X-Own")
		_, _ = io.WriteString(w, page)
	})
	h := response.Header
	if got := body(t, response); got != "<!doctype html><title>t</title><body>[banner]hello" || !strings.HasPrefix(h.Get("ETag"), `"a`+suffix) {
		t.Errorf("ETag %q, body %q: want a validator of this state and the whole page", h.Get("ETag"), got)
	}
	if got, want := h.Get("Cache-Control"), "private, max-age=60, no-transform, no-store"; got != want {
		t.Errorf("Cache-Control = %q, want %q", got, want)
	}
	if got, want := h["Vary"], []string{"Cookie, X-Own", "Sec-GPC", "Accept-Language"}; !slices.Equal(got, want) {
		t.Errorf("Vary = %q, want %q", got, want)
	}
}

func TestPagesOfThoseWhoAnsweredMayBeKept(t *testing.T) {
	e := newEnforcer(t, declaration())
	for name, row := range map[string]struct {
		granted []string
		gpc     string
		https   bool
		want    string
	}{
		"refused":                {[]string{}, "", true, "private, no-cache"},
		"refused, on plain HTTP": {[]string{}, "", false, "private, no-cache"},
		"granted":                {[]string{"marketing"}, "", true, "private, no-cache"},
		"granted, on plain HTTP": {[]string{"marketing"}, "", false, "private, no-store"}, // see describePage
		"objecting by signal":    {nil, "1", true, "private, no-cache"},
		"unanswered":             {nil, "", true, "private, no-store"},
	} {
		r := visitor(t, e, row.granted)
		r.Header.Set("Sec-GPC", row.gpc)
		h := http.Header{"Content-Type": {"text/html"}}
		e.Begin(r, "/", row.https).describePage(http.StatusOK, h, true)
		if got := h.Get("Cache-Control"); got != row.want {
			t.Errorf("%s: Cache-Control = %q, want %q", name, got, row.want)
		}
	}
}

func TestHEADHasTheHeaderOfGET(t *testing.T) {
	response := serve(t, newEnforcer(t, declaration()), func(r *http.Request) { r.Method = http.MethodHead }, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Length", "41")
		w.WriteHeader(http.StatusOK)
	})
	if response.Header.Get("Content-Length") != "" || response.Header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("header = %v", response.Header)
	}
}

func TestCookiesOfEveryStatus(t *testing.T) {
	for _, status := range []int{200, 204, 206, 301, 302, 303, 304, 307, 400, 401, 403, 404, 410, 418, 429, 500, 502, 503} {
		response := serve(t, newEnforcer(t, declaration()), nil, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Set-Cookie"] = []string{"zz=1", "lang=fr", "ads_id=1"}
			w.Header()["set-cookie"] = []string{"zz=2"}
			w.Header()["Set-Cookie2"] = []string{"zz=3"}
			w.WriteHeader(status)
		})
		if got := response.Header["Set-Cookie"]; !slices.Equal(got, []string{"lang=fr"}) || response.Header["Set-Cookie2"] != nil {
			t.Errorf("%d: Set-Cookie = %q, Set-Cookie2 = %q", status, got, response.Header["Set-Cookie2"])
		}
	}
}

func TestCookiesOfAnAnswerNobodyBegan(t *testing.T) {
	response := serve(t, newEnforcer(t, declaration()), nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Set-Cookie"] = []string{"zz=1", "lang=fr"}
	})
	if got := response.Header["Set-Cookie"]; !slices.Equal(got, []string{"lang=fr"}) {
		t.Errorf("Set-Cookie = %q", got)
	}
}

func TestEarlyHints(t *testing.T) {
	response := serve(t, newEnforcer(t, declaration()), func(r *http.Request) {
		r.Header.Set("Cookie", "_pk_id.1=1")
	}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Set-Cookie"] = []string{"zz=1"}
		w.WriteHeader(http.StatusEarlyHints)
		if got := w.Header()["Set-Cookie"]; got != nil {
			t.Errorf("the hints left with Set-Cookie %q", got)
		}
		w.Header()["Set-Cookie"] = []string{"zz=2"}
		w.WriteHeader(http.StatusOK)
	})
	if got := response.Header["Set-Cookie"]; len(got) != 1 || !strings.HasPrefix(got[0], "_pk_id.1=; ") {
		t.Errorf("Set-Cookie = %q, want the leftover expired once", got)
	}
}

func TestTrailers(t *testing.T) {
	response := serve(t, newEnforcer(t, declaration()), nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum, Set-Cookie")
		_, _ = io.WriteString(w, "x")
		_ = http.NewResponseController(w).Flush()
		w.Header().Set("X-Sum", "1")
		w.Header().Set("Set-Cookie", "zz=1")
		w.Header().Set(http.TrailerPrefix+"Set-Cookie", "zz=2")
	})
	_ = body(t, response)
	if got := response.Trailer; got.Get("X-Sum") != "1" || got.Get("Set-Cookie") != "" {
		t.Errorf("trailer = %v, want X-Sum alone", got)
	}
}

// late is a writer further out that lets the header go with the first bytes, or
// at the end, as encode does; operator is what a deferred operation does to it.
type late struct {
	http.ResponseWriter
	status   int
	operator func(http.Header)
}

func (l *late) WriteHeader(status int) { l.status = status }

func (l *late) FlushError() error { return nil }

func (l *late) commit() {
	if l.status != 0 {
		l.operator(l.Header())
		l.ResponseWriter.WriteHeader(l.status)
		l.status = 0
	}
}

func (l *late) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	l.commit()
	return l.ResponseWriter.Write(p)
}

func TestCookiesBehindTheHeader(t *testing.T) {
	add := func(w http.ResponseWriter) {
		w.Header().Add("Set-Cookie", "zz=1")
		w.Header()["set-cookie"] = []string{"zz=2"}
	}
	flush := func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }
	for name, site := range map[string]func(w http.ResponseWriter){
		"an empty body":       add,
		"before the body":     func(w http.ResponseWriter) { add(w); _, _ = io.WriteString(w, "x") },
		"behind a flush":      func(w http.ResponseWriter) { flush(w); add(w); _, _ = io.WriteString(w, "x") },
		"behind nothing":      func(w http.ResponseWriter) { _, _ = w.Write(nil); add(w); _, _ = io.WriteString(w, "x") },
		"in place":            func(w http.ResponseWriter) { w.Header()["Set-Cookie"][0] = "zz=1"; _, _ = io.WriteString(w, "x") },
		"behind a first byte": func(w http.ResponseWriter) { _, _ = io.WriteString(w, "x"); add(w) },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnforcer(t, declaration())
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				v := e.Begin(r, "/", false)
				outer := &late{ResponseWriter: w, operator: func(h http.Header) { h.Add("Set-Cookie", "operator=1") }}
				inner := v.Writer(outer)
				inner.Header()["Content-Type"] = []string{"text/plain"}
				inner.Header().Set("Set-Cookie", "lang=fr")
				inner.WriteHeader(http.StatusOK)
				site(inner)
				if err := v.Finish(nil); err != nil {
					t.Error(err)
				}
				if got := w.Header()["Set-Cookie"]; outer.status == 0 && !slices.Equal(got, []string{"lang=fr", "operator=1"}) {
					t.Errorf("at the end the header, which HTTP/3 may still send, has Set-Cookie %q", got)
				}
				outer.commit()
			}))
			defer server.Close()
			response, err := http.Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = response.Body.Close() }()
			if got := response.Header["Set-Cookie"]; !slices.Equal(got, []string{"lang=fr", "operator=1"}) {
				t.Errorf("Set-Cookie = %q, want lang=fr and the operator's", got)
			}
		})
	}
}

func TestATrailerOfNothing(t *testing.T) {
	response := serve(t, newEnforcer(t, declaration()), nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(http.TrailerPrefix+"Set-Cookie", "zz=1")
	})
	_ = body(t, response)
	if got := response.Trailer.Get("Set-Cookie"); got != "" {
		t.Errorf("trailer Set-Cookie = %q", got)
	}
}

func TestAHeaderFlushedForAScriptDoesNotWait(t *testing.T) {
	arrived := make(chan struct{})
	response := serve(t, newEnforcer(t, declaration()), func(r *http.Request) {
		r.Header.Set("Accept", "*/*")
		r.Header.Set("Sec-Fetch-Dest", "empty")
	}, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-arrived
	})
	close(arrived)
	if response.StatusCode != http.StatusOK {
		t.Errorf("status %d", response.StatusCode)
	}
}

func TestRequestTrailers(t *testing.T) {
	e := newEnforcer(t, declaration())
	got := make(chan http.Header, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		e.Begin(r, "/", false)
		_, _ = io.Copy(io.Discard, r.Body)
		got <- r.Trailer
	}))
	defer server.Close()
	r, err := http.NewRequest(http.MethodPost, server.URL, io.MultiReader(strings.NewReader("body")))
	if err != nil {
		t.Fatal(err)
	}
	r.Trailer = http.Header{"Cookie": {"zz=1"}, "Cookie-Consent": {"marketing"}, "X-Sum": {"1"}}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if trailer := <-got; len(trailer) != 1 || trailer.Get("X-Sum") != "1" {
		t.Errorf("trailer = %v, want X-Sum alone", trailer)
	}
}

func TestTypeIsToldFromTheFirstBytesTogether(t *testing.T) {
	for name, writes := range map[string][]string{
		"empty first": {"", page}, "a line break first": {"\n", page}, "byte by byte": strings.Split(page, ""), "flushed first": {"flush", page},
	} {
		response := serve(t, newEnforcer(t, declaration()), nil, func(w http.ResponseWriter, _ *http.Request) {
			for _, text := range writes {
				if text != "flush" {
					_, _ = io.WriteString(w, text)
				} else if err := http.NewResponseController(w).Flush(); err != nil {
					t.Error(err)
				}
			}
		})
		if got := body(t, response); response.Header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.HasSuffix(got, "<body>[banner]hello") {
			t.Errorf("%s: %s: %q", name, response.Header.Get("Content-Type"), got)
		}
	}
}

func TestFlushesPass(t *testing.T) {
	first := make(chan struct{})
	response := serve(t, newEnforcer(t, declaration()), nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		controller := http.NewResponseController(w)
		_, _ = io.WriteString(w, "<!doctype html><body>first")
		if err := controller.Flush(); err != nil {
			t.Error(err)
		}
		<-first
		_, _ = io.WriteString(w, "second")
	})
	buffer := make([]byte, len("<!doctype html><body>[banner]first"))
	if _, err := io.ReadFull(response.Body, buffer); err != nil {
		t.Fatal(err)
	}
	close(first)
	if got := string(buffer) + body(t, response); got != "<!doctype html><body>[banner]firstsecond" {
		t.Errorf("body = %q", got)
	}
}

func TestFlushBeforeTheHeader(t *testing.T) {
	response := serve(t, newEnforcer(t, declaration()), nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Set-Cookie"] = []string{"zz=1"}
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
	})
	if got := response.Header["Set-Cookie"]; got != nil {
		t.Errorf("Set-Cookie = %q", got)
	}
}

func TestReadFrom(t *testing.T) {
	for _, row := range []struct{ mediaType, want string }{
		{"text/html", "<!doctype html><title>t</title><body>[banner]hello"}, {"text/plain", page},
	} {
		response := serve(t, newEnforcer(t, declaration()), nil, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", row.mediaType)
			w.WriteHeader(http.StatusOK)
			_, _ = io.Copy(w, strings.NewReader(page))
		})
		if got := body(t, response); got != row.want {
			t.Errorf("%s: %q, want %q", row.mediaType, got, row.want)
		}
	}
}

func TestErrorPassHasTheVerdictOfTheFirst(t *testing.T) {
	e := newEnforcer(t, declaration())
	r := visitor(t, e, []string{"statistics"}, "ads_id=1")
	first := begin(e, r)
	again := first.Again()
	h := http.Header{"Set-Cookie": {"_pk_id.1=1", "zz=1"}}
	again.enforceHeader(h, true)
	if got := h["Set-Cookie"]; len(got) < 2 || got[0] != "_pk_id.1=1" || !strings.HasPrefix(got[1], "ads_id=; ") {
		t.Errorf("Set-Cookie = %q", got)
	}
}

// discardWriter is a ResponseWriter that costs nothing.
type discardWriter struct{ header http.Header }

func (w discardWriter) Header() http.Header         { return w.header }
func (w discardWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w discardWriter) WriteHeader(int)             {}

func BenchmarkJSON(b *testing.B) {
	e := newEnforcer(b, declaration())
	body := []byte(`{"results":[` + strings.Repeat(`{"id":1},`, 20) + `{}]}`)
	template := visitor(b, e, []string{"statistics"}, "sessionid=0123456789abcdef; lang=fr; _pk_id.1=x")
	template.Header.Set("Accept", "application/json")
	site := func(w http.ResponseWriter) {
		h := w.Header()
		h["Content-Type"] = []string{"application/json"}
		h["Set-Cookie"] = []string{"lang=fr; Path=/"}
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(body)
	}
	for _, enforced := range []bool{false, true} {
		b.Run(map[bool]string{false: "bare", true: "enforced"}[enforced], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := &http.Request{Method: http.MethodGet, Host: "www.example.fr", Header: http.Header{
					"Accept": {"application/json"}, "Cookie": {template.Header["Cookie"][0], template.Header["Cookie"][1]},
				}}
				w := discardWriter{http.Header{}}
				if !enforced {
					site(w)
					continue
				}
				v := e.Begin(r, "/api", true)
				site(v.Writer(w))
				if err := v.Finish(nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
