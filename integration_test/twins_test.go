package integration_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// twins are one site in two copies, without the module and behind it, where
// everything is granted: undeclared hosts are allowed, and choice is a cookie
// that accepts all.
type twins struct {
	bare, enforced site
	choice         string
	tls            bool
}

// newTwins starts the twins of a site whose block has body. %s in body is where
// the module stands.
func newTwins(t *testing.T, secure bool, body string) twins {
	t.Helper()
	w := twins{
		bare:     newSite(t, "portal.localhost", fmt.Sprintf(body, "")),
		enforced: newSite(t, "portal.localhost", fmt.Sprintf(body, "cookie_consent "+consent("undeclared_hosts allow"))),
		tls:      secure,
	}
	text := caddyfile(options(t.TempDir(), "servers {\nprotocols h1 h2 h2c h3\n}"), w.bare, w.enforced)
	text = strings.Replace(text, "level ERROR", "level FATAL", 1) // sites are broken on purpose
	if secure {
		text = overTLS(text)
	}
	loadCaddyfile(t, text)
	if secure {
		awaitCertificate(t, w.bare)
		awaitCertificate(t, w.enforced)
	}
	w.choice, _ = choose(t, w.address(w.enforced, "/cookie-consent"), acceptAll)
	return w
}

// newProxyTwins are twins that pass on what upstream answers, with and without
// encode.
func newProxyTwins(t *testing.T, secure, encoded bool, upstream http.Handler) twins {
	t.Helper()
	server := httptest.NewServer(upstream)
	t.Cleanup(server.Close)
	body := "%s\nreverse_proxy " + server.URL + "\n"
	if encoded {
		body = "encode\n" + body
	}
	return newTwins(t, secure, body)
}

func (w twins) address(s site, path string) string {
	if w.tls {
		return strings.Replace(s.url(path), "http://", "https://", 1)
	}
	return s.url(path)
}

// awaitCertificate waits until Caddy has made one.
func awaitCertificate(t *testing.T, s site) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, ServerName: s.host}}
		connection, err := dialer.DialContext(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
		if err == nil {
			_ = connection.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s has no certificate: %v", s.authority(), err)
		}
	}
}

// exchange is what a client sees of an answer.
type exchange struct {
	early   []string // informational answers
	status  int
	header  http.Header
	length  int64
	trailer http.Header
	body    string
	broken  bool // it broke off
	secure  bool // it came over TLS
	proto   string
}

// carrier sends requests over one version of HTTP.
type carrier struct {
	name   string
	secure bool
	send   func(t *testing.T, r *http.Request) exchange
	dial   http.RoundTripper // nil: it does not stream
}

// carriers are the versions of HTTP that Caddy speaks.
func carriers(t *testing.T) []carrier {
	t.Helper()
	http3Transport := &http3.Transport{
		DisableCompression: true,
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
		Dial: func(ctx context.Context, address string, config *tls.Config, q *quic.Config) (*quic.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return quic.DialAddr(ctx, "127.0.0.1:"+port, config, q)
		},
	}
	t.Cleanup(func() { _ = http3Transport.Close() })
	list := []carrier{{"HTTP/1.0", false, overHTTP10, nil}, {"HTTP/3", true, over(http3Transport), http3Transport}}
	for _, version := range []struct {
		name   string
		secure bool
		choose func(*http.Protocols)
	}{
		{"HTTP/1.1", false, func(p *http.Protocols) { p.SetHTTP1(true) }},
		{"HTTP/1.1 over TLS", true, func(p *http.Protocols) { p.SetHTTP1(true) }},
		{"h2c", false, func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }},
		{"HTTP/2", true, func(p *http.Protocols) { p.SetHTTP2(true) }},
	} {
		protocols := new(http.Protocols)
		version.choose(protocols)
		transport := &http.Transport{
			DialContext: dialLoopback, DisableCompression: true, Protocols: protocols, ExpectContinueTimeout: patience,
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		}
		t.Cleanup(transport.CloseIdleConnections)
		list = append(list, carrier{version.name, version.secure, over(transport), transport})
	}
	return list
}

// over sends requests through a transport.
func over(transport http.RoundTripper) func(*testing.T, *http.Request) exchange {
	return func(t *testing.T, r *http.Request) (x exchange) {
		t.Helper()
		trace := &httptrace.ClientTrace{Got1xxResponse: func(status int, h textproto.MIMEHeader) error {
			x.early = append(x.early, fmt.Sprint(status, fields(http.Header(h))))
			return nil
		}}
		ctx, cancel := context.WithTimeout(httptrace.WithClientTrace(r.Context(), trace), patience)
		defer cancel()
		response, err := transport.RoundTrip(r.WithContext(ctx))
		if err != nil {
			if ctx.Err() != nil {
				t.Errorf("%s %s: %v", r.Method, r.URL, err)
			}
			x.broken = true
			return x
		}
		x.read(response)
		x.proto = response.Proto
		if ctx.Err() != nil {
			t.Errorf("%s %s: the answer does not end", r.Method, r.URL)
		}
		return x
	}
}

func (x *exchange) read(response *http.Response) {
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	x.status, x.header, x.trailer, x.length = response.StatusCode, response.Header, response.Trailer, response.ContentLength
	x.body, x.broken = string(body), err != nil
}

// overHTTP10 speaks HTTP/1.0, which Go's client does not.
func overHTTP10(t *testing.T, r *http.Request) (x exchange) {
	t.Helper()
	connection, err := dialLoopback(t.Context(), "tcp", r.URL.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var head bytes.Buffer
	_, _ = fmt.Fprintf(&head, "%s %s HTTP/1.0\r\nHost: %s\r\n", r.Method, r.URL.RequestURI(), r.URL.Host)
	if r.ContentLength > 0 {
		r.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	_ = r.Header.Write(&head)
	_, _ = head.WriteString("\r\n")
	_, _ = head.WriteTo(connection)
	if r.Body != nil {
		_, _ = io.Copy(connection, r.Body)
	}
	in := bufio.NewReader(connection)
	response, err := http.ReadResponse(in, r)
	for err == nil && response.StatusCode < 200 {
		response, err = http.ReadResponse(in, r)
	}
	if err != nil {
		var waited net.Error
		if errors.As(err, &waited) && waited.Timeout() {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		return exchange{broken: true}
	}
	x.read(response)
	x.proto = "HTTP/1.0"
	return x
}

// fields prints a header in order.
func fields(h http.Header) string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(h)) {
		_, _ = fmt.Fprintf(&out, "%s: %q\n", name, h[name])
	}
	return out.String()
}

// both sends one request to both twins. What they say of their own port is made
// the same, and the date is taken out.
func (w twins) both(t *testing.T, c carrier, method, path string, body func() io.Reader, headers ...string) (bare, enforced exchange) {
	t.Helper()
	ask := func(s site) exchange {
		var content io.Reader
		if body != nil {
			content = body()
		}
		r, err := http.NewRequestWithContext(t.Context(), method, w.address(s, path), content)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Add(headers[i], headers[i+1])
		}
		r.Header.Add("Cookie", w.choice)
		x := c.send(t, r)
		x.secure = w.tls
		own := strconv.Itoa(s.port)
		for _, values := range x.header {
			for i := range values {
				values[i] = strings.ReplaceAll(values[i], own, "PORT")
			}
		}
		delete(x.header, "Date")
		x.body = strings.ReplaceAll(x.body, ":"+own, ":PORT")
		for i := range x.early {
			x.early[i] = strings.ReplaceAll(x.early[i], own, "PORT")
		}
		return x
	}
	return ask(w.bare), ask(w.enforced)
}

// compare tells what the module changed in an answer beyond the written list,
// and beyond nothing in what is no page.
func (x exchange) compare(t *testing.T, bare exchange, method string, page, codedBySite bool) {
	t.Helper()
	if bare.broken && page && codedBySite && x.proto == "HTTP/1.0" {
		return // where nothing but the length tells the end
	}
	if bare.broken != x.broken {
		t.Errorf("the answer breaks off: %t, bare %t", x.broken, bare.broken)
	}
	if bare.broken && x.broken {
		return // how much of it came before is a matter of luck
	}
	if bare.status != x.status {
		t.Fatalf("status %d, bare %d\n%s%.300q", x.status, bare.status, fields(x.header), x.body)
	}
	if got, want := strings.Join(x.early, "\n"), strings.Join(bare.early, "\n"); got != want {
		t.Errorf("informational answers:\n%sbare:\n%s", got, want)
	}
	for _, h := range []http.Header{bare.header, x.header} {
		if h.Get("Content-Length") == "0" {
			delete(h, "Content-Length") // servers add it when nothing was flushed in time
		}
		if announced := h["Trailer"]; announced != nil { // the proxy's order is one of chance
			h["Trailer"] = sortedList(strings.Join(announced, ", "))
		}
	}
	if page {
		bare.header, bare.body = asPage(bare), decoded(t, bare)
		x.header, x.body = unmarked(x.header), inserted.ReplaceAllString(decoded(t, x), "")
		if codedBySite || method == http.MethodHead || len(bare.body) < encodeMinimum {
			dropCoding(x.header)
			dropCoding(bare.header)
		}
		for _, name := range digests {
			delete(bare.trailer, name)
		}
	} else if bare.header = asPersonal(bare.header); bare.length != x.length && bare.length > 0 {
		t.Errorf("length %d, bare %d", x.length, bare.length)
	} else if !codedBySite { // encode codes as it is flushed
		bare.body, x.body = decoded(t, bare), decoded(t, x)
	}
	if got, want := fields(x.header), fields(bare.header); got != want {
		t.Errorf("the header is\n%sand should be\n%s", got, want)
	}
	if got, want := fields(x.trailer), fields(bare.trailer); got != want {
		t.Errorf("the trailer is\n%sand should be\n%s", got, want)
	}
	if x.body != bare.body && !x.broken {
		at := 0
		for at < min(len(x.body), len(bare.body)) && x.body[at] == bare.body[at] {
			at++
		}
		t.Errorf("the body differs at %d of %d, bare %d: %.80q, bare %.80q", at, len(x.body), len(bare.body), x.body[at:], bare.body[at:])
	}
}

// digests are dropped from what is rewritten.
var digests = []string{"Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Unencoded-Digest", "Signature", "Signature-Input"}

// encodeMinimum is the length from which encode compresses.
const encodeMinimum = 512

// asPage makes of the header of a page what the module may make of it. This is
// the written list:
//
//   - Cache-Control is private and no-cache, or no-store if the site says so, or on
//     plain HTTP;
//     what speaks to shared caches goes, and Expires with it;
//   - Vary gets Cookie, Sec-GPC and Accept-Language;
//   - ETag gets a suffix, and Last-Modified becomes one where there is none;
//   - Accept-Ranges, digests, signatures and dictionaries go;
//   - Content-Length is that of the page, or left out;
//   - the site's Content-Security-Policy admits what is inserted;
//   - a coding that the site was asked not to use is decoded;
//   - encode counts what is inserted for the length from which it compresses, and
//     does not know the length of an answer to HEAD.
//
// In the body, elements marked as inserted are added. Of what is no page, asPersonal
// has the list.
func asPage(bare exchange) http.Header {
	h := bare.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	for _, name := range append([]string{"Accept-Ranges", "Surrogate-Control", "Cdn-Cache-Control", "Expires", "Use-As-Dictionary", "Content-Length"}, digests...) {
		delete(h, name)
	}
	control, last := "private", ", no-cache"
	if !bare.secure {
		last = ", no-store"
	}
	for directive := range strings.SplitSeq(strings.Join(h["Cache-Control"], ","), ",") {
		switch directive = strings.TrimSpace(directive); {
		case directive == "", directive == "public", directive == "private", directive == "no-cache", strings.HasPrefix(directive, "s-maxage"):
		case directive == "no-store":
			last = ", no-store"
		default:
			control += ", " + directive
		}
	}
	h["Cache-Control"] = []string{control + last}
	varied := strings.Join(h["Vary"], ", ")
	for _, name := range []string{"Cookie", "Sec-GPC", "Accept-Language"} {
		if list := strings.Split(varied, ", "); !slices.Contains(list, name) && !slices.Contains(list, "*") {
			varied = strings.TrimPrefix(varied+", "+name, ", ")
		}
	}
	h["Vary"] = sortedList(varied)
	if h["Etag"] == nil && h["Last-Modified"] != nil {
		h["Etag"] = []string{`W/"modified"`}
	}
	delete(h, "Last-Modified")
	if announced := h["Trailer"]; announced != nil {
		names := slices.DeleteFunc(strings.Split(announced[0], ", "), func(name string) bool { return slices.Contains(digests, name) })
		h["Trailer"] = sortedList(strings.Join(names, ", "))
	}
	if policies := h["Content-Security-Policy"]; policies != nil {
		h["Content-Security-Policy"] = withoutHashes(policies)
		if strings.Contains(strings.Join(policies, ","), "'nonce-") {
			delete(h, "Etag") // it is new every time
		}
	}
	return h
}

// asPersonal makes of the header of what is no page what the module may make of it:
// an answer that sets a cookie which needed consent is for this visitor alone.
func asPersonal(bare http.Header) http.Header {
	if !strings.Contains(strings.Join(bare["Set-Cookie"], "\n"), "ads_id=") {
		return bare
	}
	h := bare.Clone()
	h["Cache-Control"] = []string{strings.Join(append([]string{"private"}, h["Cache-Control"]...), ", ")}
	h["Vary"] = append([]string{"Cookie", "Sec-GPC"}, h["Vary"]...)
	return h
}

var (
	tagVersion = regexp.MustCompile(`-cookie-consent-[0-9a-z]+`)
	tagDate    = regexp.MustCompile(`"modified-[0-9a-z]+`)
	hashSource = regexp.MustCompile(` 'sha256-[^']*'|; (style|script)-src-elem 'self'`)
)

// unmarked takes out of the header of a page what the module may put there.
func unmarked(h http.Header) http.Header {
	h = h.Clone()
	if tags := h["Etag"]; tags != nil {
		h["Etag"] = []string{tagDate.ReplaceAllString(tagVersion.ReplaceAllString(tags[0], ""), `"modified`)}
	}
	if varied := h["Vary"]; varied != nil {
		h["Vary"] = sortedList(strings.Join(varied, ", "))
	}
	if policies := h["Content-Security-Policy"]; policies != nil {
		h["Content-Security-Policy"] = withoutHashes(policies)
	}
	delete(h, "Content-Length")
	return h
}

func sortedList(list string) []string {
	names := strings.Split(list, ", ")
	slices.Sort(names)
	return []string{strings.Join(names, ", ")}
}

func withoutHashes(policies []string) []string {
	var out []string
	for _, policy := range policies {
		out = append(out, hashSource.ReplaceAllString(policy, ""))
	}
	return out
}

// dropCoding leaves out what encode says of the coding it chose.
func dropCoding(h http.Header) {
	delete(h, "Content-Encoding")
	if varied := h["Vary"]; varied != nil {
		names := slices.DeleteFunc(strings.Split(strings.Join(varied, ", "), ", "), func(name string) bool { return name == "Accept-Encoding" })
		h["Vary"] = sortedList(strings.Join(names, ", "))
	}
	if tag := h.Get("Etag"); tag != "" {
		h.Set("Etag", strings.NewReplacer(`-gzip"`, `"`, `-zstd"`, `"`).Replace(tag))
	}
}

// decoded is the body without its codings.
func decoded(t *testing.T, x exchange) string {
	t.Helper()
	body := x.body
	codings := strings.Split(strings.ToLower(strings.Join(x.header["Content-Encoding"], ",")), ",")
	for _, coding := range slices.Backward(codings) {
		if body == "" {
			return ""
		}
		body = decode(t, strings.TrimSpace(coding), body)
	}
	return body
}

func decode(t *testing.T, coding, body string) string {
	t.Helper()
	var r io.Reader
	var err error
	switch coding {
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(strings.NewReader(body))
	case "zstd":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(strings.NewReader(body)); err == nil {
			defer z.Close()
		}
		r = z
	default:
		if r, err = otherCoding(coding, body); r == nil && err == nil {
			return body
		}
	}
	if err != nil {
		t.Errorf("decoding %s: %v", coding, err)
		return body
	}
	out, err := io.ReadAll(r)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("decoding %s: %v", coding, err)
	}
	return string(out)
}
