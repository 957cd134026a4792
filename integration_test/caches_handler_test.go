package integration_test

import (
	"bytes"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(new(cacheHandler))
	httpcaddyfile.RegisterHandlerDirective("test_cache", func(httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		return new(cacheHandler), nil
	})
}

// cacheHandler is a cache as somebody may write it for Caddy. It stores for ever
// whatever the site does not forbid, believes what is said to CDNs before what is
// said to all, and minds Vary and Set-Cookie.
type cacheHandler struct {
	mutex  sync.Mutex
	copies map[string][]storedCopy
}

// storedCopy is an answer, and the request headers that it varies by.
type storedCopy struct {
	status int
	header http.Header
	body   []byte
	asked  http.Header
}

// CaddyModule returns the Caddy module information.
func (*cacheHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.test_cache", New: func() caddy.Module { return new(cacheHandler) }}
}

// Provision empties the cache.
func (c *cacheHandler) Provision(caddy.Context) error {
	c.copies = map[string][]storedCopy{}
	return nil
}

// ServeHTTP answers from the cache, or fills it.
func (c *cacheHandler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return next.ServeHTTP(w, r)
	}
	asked, key := r.Header.Clone(), r.Host+r.URL.RequestURI() // handlers behind it change the header
	if found := c.find(key, asked); found != nil {
		found.serve(w, r)
		return nil
	}
	if r.Method == http.MethodHead || asked["Range"] != nil || asked["If-None-Match"] != nil || asked["If-Modified-Since"] != nil {
		return next.ServeHTTP(w, r)
	}
	recorder := caddyhttp.NewResponseRecorder(w, new(bytes.Buffer), func(int, http.Header) bool { return true })
	if err := next.ServeHTTP(recorder, r); err != nil || !recorder.Buffered() {
		return err
	}
	if mayBeStored(recorder.Header()) {
		c.mutex.Lock()
		c.copies[key] = append(c.copies[key], storedCopy{recorder.Status(), recorder.Header().Clone(), slices.Clone(recorder.Buffer().Bytes()), asked})
		c.mutex.Unlock()
	}
	return recorder.WriteResponse()
}

var notShared = regexp.MustCompile(`\b(private|no-store|no-cache)\b`)

func mayBeStored(h http.Header) bool {
	control := strings.Join(h["Cache-Control"], ",")
	for _, name := range []string{"Surrogate-Control", "Cdn-Cache-Control"} {
		if targeted := h.Get(name); targeted != "" {
			control = targeted
		}
	}
	return !notShared.MatchString(control) && h["Set-Cookie"] == nil && h.Get("Vary") != "*"
}

// find returns the copy for a request.
func (c *cacheHandler) find(key string, asked http.Header) *storedCopy {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for i := range c.copies[key] {
		if found := &c.copies[key][i]; found.fits(asked) {
			return found
		}
	}
	return nil
}

func (s *storedCopy) fits(asked http.Header) bool {
	for name := range strings.SplitSeq(strings.Join(s.header["Vary"], ","), ",") {
		if name = strings.TrimSpace(name); !slices.Equal(s.asked.Values(name), asked.Values(name)) {
			return false
		}
	}
	return true
}

// serve sends the copy, or a part of it. It says in a header which validators it
// was asked with.
func (s *storedCopy) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for name, values := range s.header {
		h[name] = slices.Clone(values)
	}
	h["X-Seen-Tag"], h["X-Seen-Date"] = r.Header["If-None-Match"], r.Header["If-Modified-Since"]
	if s.status != http.StatusOK {
		w.WriteHeader(s.status)
		_, _ = w.Write(s.body)
		return
	}
	modified, err := http.ParseTime(h.Get("Last-Modified"))
	if err != nil {
		modified = time.Time{}
	}
	http.ServeContent(w, r, "", modified, bytes.NewReader(s.body))
}

// Interface guards
var (
	_ caddy.Provisioner           = (*cacheHandler)(nil)
	_ caddyhttp.MiddlewareHandler = (*cacheHandler)(nil)
)
