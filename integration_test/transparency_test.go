package integration_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// samplePage is long enough for encode to compress it.
var samplePage = "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n<title>t</title>\n<link rel=stylesheet href=https://fonts.example/a.css>\n</head>\n<body class='a  b'>\n" +
	strings.Repeat("<P CLASS = x >é & &eacute; <img alt='' src=//third.example/a.png><br/ ></p>\r\n", 40) + "<script>if (a < b && c) document.cookie</script>\n</body>\n</html>\n<!-- the end -->"

var sampleStyle = strings.Repeat("body { background: url(https://third.example/a.png) } /* <body> */\n", 20)

// raw is an answer as it stands on the wire: status, fields, and a body. A
// length is added, unless the fields tell it.
func raw(status, body string, fields ...string) string {
	out := "HTTP/1.1 " + status + "\r\nConnection: close\r\n"
	known := false
	for i := 0; i+1 < len(fields); i += 2 {
		known = known || strings.EqualFold(fields[i], "Content-Length") || strings.EqualFold(fields[i], "Transfer-Encoding")
		if fields[i+1] != "until closed" {
			out += fields[i] + ": " + fields[i+1] + "\r\n"
		}
	}
	if !known {
		out += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	return out + "\r\n" + body
}

// rawPage is raw for HTML.
func rawPage(status, body string, fields ...string) string {
	return raw(status, body, append([]string{"Content-Type", "text/html; charset=utf-8"}, fields...)...)
}

// chunks codes a body for Transfer-Encoding: chunked, in pieces of size.
func chunks(body string, size int, trailers ...string) string {
	var out strings.Builder
	for len(body) > 0 {
		n := min(size, len(body))
		_, _ = fmt.Fprintf(&out, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	out.WriteString("0\r\n")
	for i := 0; i+1 < len(trailers); i += 2 {
		out.WriteString(trailers[i] + ": " + trailers[i+1] + "\r\n")
	}
	return out.String() + "\r\n"
}

// coded codes a text with each of codings in turn.
func coded(text string, codings ...string) string {
	for _, coding := range codings {
		var out bytes.Buffer
		var w io.WriteCloser
		switch coding {
		case "gzip":
			w = gzip.NewWriter(&out)
		case "deflate":
			w = zlib.NewWriter(&out)
		case "raw deflate":
			w, _ = flate.NewWriter(&out, 6)
		case "br":
			w = brotli.NewWriter(&out)
		case "zstd":
			w, _ = zstd.NewWriter(&out)
		}
		_, _ = io.WriteString(w, text)
		_ = w.Close()
		text = out.String()
	}
	return text
}

// otherCoding reads the codings that only sites send.
func otherCoding(coding, body string) (io.Reader, error) {
	switch coding {
	case "br":
		return brotli.NewReader(strings.NewReader(body)), nil
	case "deflate":
		if r, err := zlib.NewReader(strings.NewReader(body)); err == nil {
			return r, nil
		}
		return flate.NewReader(strings.NewReader(body)), nil
	}
	return nil, nil
}

func inUTF16(text string) string {
	var out strings.Builder
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		out.WriteByte(byte(unit))
		out.WriteByte(byte(unit >> 8))
	}
	return out.String()
}

const (
	someDate = "Fri, 02 Jan 2026 03:04:05 GMT"
	someTag  = `"abc-1"`
)

// rawAnswers are what sites answer. Those called a page are HTML that is
// rewritten.
var rawAnswers = []struct {
	name   string
	page   bool
	answer string
}{
	{"a page", true, rawPage("200 OK", samplePage)},
	{"a page with validators", true, rawPage("200 OK", samplePage, "ETag", someTag, "Last-Modified", someDate, "Cache-Control", "public, max-age=60", "Expires", someDate, "Accept-Ranges", "bytes")},
	{"a page with a weak tag", true, rawPage("200 OK", samplePage, "ETag", "W/"+someTag)},
	{"a page with a date alone", true, rawPage("200 OK", samplePage, "Last-Modified", someDate)},
	{"a page for shared caches", true, rawPage("200 OK", samplePage, "Cache-Control", "s-maxage=600, stale-while-revalidate=5", "Surrogate-Control", "max-age=60", "CDN-Cache-Control", "max-age=60", "Surrogate-Key", "a b")},
	{"a page not to store", true, rawPage("200 OK", samplePage, "Cache-Control", "no-store, must-revalidate", "Pragma", "no-cache")},
	{"a page not to transform", true, rawPage("200 OK", samplePage, "Cache-Control", "no-transform")},
	{"a page that varies", true, rawPage("200 OK", samplePage, "Vary", "X-One", "Vary", "X-Two")},
	{"a page that varies by everything", true, rawPage("200 OK", samplePage, "Vary", "*")},
	{"a page with digests", true, rawPage("200 OK", samplePage, "Content-MD5", "Q2hlY2sgSW50ZWdyaXR5IQ==", "Digest", "sha-256=AA==", "Repr-Digest", "sha-256=:AA==:", "Content-Digest", "sha-256=:AA==:")},
	{"a page without a length", true, rawPage("200 OK", samplePage, "Content-Length", "until closed")},
	{"a page in chunks", true, rawPage("200 OK", chunks(samplePage, 100), "Transfer-Encoding", "chunked")},
	{"a page in chunks of a byte", true, rawPage("200 OK", chunks(samplePage[:700], 1), "Transfer-Encoding", "chunked")},
	{"a page with trailers", true, rawPage("200 OK", chunks(samplePage, 1000, "X-Sum", "42", "Digest", "sha-256=AA=="), "Transfer-Encoding", "chunked", "Trailer", "X-Sum, Digest")},
	{"a page without a type", true, raw("200 OK", samplePage)},
	{"a page in capitals", true, raw("200 OK", samplePage, "Content-Type", "TEXT/HTML;CHARSET=UTF-8")},
	{"a page with a broken parameter", true, raw("200 OK", samplePage, "Content-Type", "text/html; charset")},
	{"a page in Latin-1", true, raw("200 OK", strings.ReplaceAll(samplePage, "é", "\xe9"), "Content-Type", "text/html; charset=iso-8859-1")},
	{"a page in UTF-16", false, raw("200 OK", inUTF16(samplePage), "Content-Type", "text/html; charset=utf-16le")},
	{"an XHTML page", true, raw("200 OK", "<html xmlns='http://www.w3.org/1999/xhtml'><head><title>t</title></head><body><p/></body></html>", "Content-Type", "application/xhtml+xml")},
	{"a short page", true, rawPage("200 OK", "<!doctype html><title>t</title><p>x")},
	{"a fragment", true, rawPage("200 OK", "<p>x</p>")},
	{"an empty page", true, rawPage("200 OK", "")},
	{"an empty page in chunks", true, rawPage("200 OK", chunks("", 1), "Transfer-Encoding", "chunked")},
	{"a page of spaces", true, rawPage("200 OK", " \n ")},
	{"a frameset", true, rawPage("200 OK", "<html><head><title>t</title></head><frameset cols=50%,50%><frame src=/a><frame src=/b></frameset></html>")},
	{"a page shown inline", true, rawPage("200 OK", samplePage, "Content-Disposition", "inline; filename=a.html")},
	{"a page to download", false, rawPage("200 OK", samplePage, "Content-Disposition", `attachment; filename="a.html"`, "ETag", someTag, "Accept-Ranges", "bytes")},
	{"a page with a policy", true, rawPage("200 OK", samplePage, "Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'", "ETag", someTag)},
	{"a page with a nonce", true, rawPage("200 OK", samplePage, "Content-Security-Policy", "script-src 'nonce-bm9uY2U='; style-src 'nonce-bm9uY2U='", "ETag", someTag)},
	{"a page with links and reports", true, rawPage("200 OK", samplePage, "Link", "<https://third.example/a.css>; rel=preload; as=style, </b.js>; rel=modulepreload", "Reporting-Endpoints", `a="https://third.example/r"`, "NEL", `{"report_to":"a","max_age":1}`, "Report-To", `{"group":"a","max_age":1,"endpoints":[{"url":"https://third.example/"}]}`, "Refresh", "30; url=https://third.example/")},
	{"a page with protections", true, rawPage("200 OK", samplePage, "X-Content-Type-Options", "nosniff", "X-Frame-Options", "DENY", "Referrer-Policy", "no-referrer", "Permissions-Policy", "camera=()", "Cross-Origin-Opener-Policy", "same-origin", "Cross-Origin-Embedder-Policy", "require-corp", "Strict-Transport-Security", "max-age=1")},
	{"a page with cookies", true, rawPage("200 OK", samplePage, "Set-Cookie", "sessionid=a; Path=/; HttpOnly; Priority=High", "Set-Cookie", "ads_id=c; Max-Age=60; path=/x", "Set-Cookie", "csrftoken=\"q\"; SameSite=Lax")},
	{"a page of an old server", true, strings.Replace(rawPage("200 OK", samplePage, "Content-Length", "until closed"), "HTTP/1.1", "HTTP/1.0", 1)},
	{"a page not found", true, rawPage("404 Not Found", samplePage)},
	{"a broken site", true, rawPage("500 Internal Server Error", samplePage)},
	{"a site in maintenance", true, rawPage("503 Service Unavailable", samplePage, "Retry-After", "120")},
	{"a page for members", true, rawPage("401 Unauthorized", samplePage, "WWW-Authenticate", `Basic realm="x"`)},
	{"a page that was created", true, rawPage("201 Created", samplePage, "Location", "/created")},
	{"a page that has moved", true, rawPage("301 Moved Permanently", "<a href=/x>moved</a>", "Location", "/x?a=1#b")},
	{"a redirection without a body", false, raw("302 Found", "", "Location", "https://other.example/")},
	{"a redirection without a body, said to be HTML", true, rawPage("303 See Other", "", "Location", "/done")},
	{"nothing", false, raw("204 No Content", "", "Content-Length", "until closed", "ETag", someTag)},
	{"nothing, said to be HTML", false, rawPage("204 No Content", "", "Content-Length", "until closed")},
	{"reset content", true, rawPage("205 Reset Content", "")},
	{"an unasked part of a page", false, rawPage("206 Partial Content", samplePage[:100], "Content-Range", fmt.Sprintf("bytes 0-99/%d", len(samplePage)), "ETag", someTag)},
	{"an unasked 304", false, raw("304 Not Modified", "", "Content-Length", "until closed", "ETag", someTag, "Cache-Control", "max-age=60")},
	{"a status of its own", false, raw("299 Whatever", "x", "Content-Type", "text/plain")},
	{"an unsatisfiable range", false, raw("416 Range Not Satisfiable", "", "Content-Range", "bytes */100")},

	{"JSON", false, raw("200 OK", `{"html": "<body></body>"}`, "Content-Type", "application/json", "Cache-Control", "public, s-maxage=60", "ETag", someTag)},
	{"long JSON", false, raw("200 OK", `{"html": "`+strings.Repeat("<body>", 1000)+`"}`, "Content-Type", "application/json", "Content-Digest", "sha-256=:AA==:")},
	{"a style sheet", false, raw("200 OK", sampleStyle, "Content-Type", "text/css", "Cache-Control", "public, max-age=31536000, immutable", "ETag", someTag, "Last-Modified", someDate)},
	{"a script", false, raw("200 OK", "document.write('<body>')", "Content-Type", "text/javascript", "SourceMap", "https://third.example/a.map")},
	{"a drawing", false, raw("200 OK", "<svg xmlns='http://www.w3.org/2000/svg'><image href='https://third.example/a.png'/></svg>", "Content-Type", "image/svg+xml")},
	{"an image", false, raw("200 OK", pixel, "Content-Type", "image/png", "Accept-Ranges", "bytes", "Cache-Control", "max-age=60")},
	{"a feed", false, raw("200 OK", "<?xml version='1.0'?><rss/>", "Content-Type", "application/rss+xml")},
	{"text", false, raw("200 OK", "<!doctype html><body>no page", "Content-Type", "text/plain; charset=utf-8")},
	{"text without a type", false, raw("200 OK", "just text")},
	{"bytes without a type", false, raw("200 OK", "\x00\x01\x02\xff")},
	{"an empty type", false, raw("200 OK", "x", "Content-Type", "")},
	{"an empty answer", false, raw("200 OK", "")},
	{"an empty answer of JSON in chunks", false, raw("200 OK", chunks("", 1), "Content-Type", "application/json", "Transfer-Encoding", "chunked")},
	{"a download", false, raw("200 OK", strings.Repeat("\x00\x01", 5000), "Content-Type", "application/octet-stream", "Content-Disposition", `attachment; filename*=UTF-8''%C3%A9.bin`)},
	{"parts that replace each other", false, raw("200 OK", "--x\r\nContent-Type: text/html\r\n\r\n<body>\r\n--x--", "Content-Type", "multipart/x-mixed-replace; boundary=x")},
	{"a message of Turbo", false, raw("200 OK", "<turbo-stream><template><p>x</template></turbo-stream>", "Content-Type", "text/vnd.turbo-stream.html")},
	{"trailers", false, raw("200 OK", chunks("data", 2, "X-Sum", "42", "Content-Digest", "sha-256=:AA==:"), "Content-Type", "text/plain", "Transfer-Encoding", "chunked", "Trailer", "X-Sum, Content-Digest")},
	{"many fields", false, raw("200 OK", "x", append([]string{"Content-Type", "text/plain", "X-Empty", "", "x-lower", "a", "X-Twice", "1", "X-Twice", "2", "Server", "Other/1", "Via", "1.0 other", "Age", "12", "X-Long", strings.Repeat("l", 8000)}, "Server-Timing", "a;dur=1", "Timing-Allow-Origin", "*", "Access-Control-Allow-Origin", "*", "Alt-Svc", "clear", "Content-Language", "fr", "Content-Location", "/fr", "Warning", `199 - "x"`)...)},

	{"early hints", false, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload, <https://third.example>; rel=preconnect\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b.css>; rel=preload\r\nX-More: 1\r\n\r\n" + raw("200 OK", "{}", "Content-Type", "application/json")},
	{"early hints of a page", true, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" + rawPage("200 OK", samplePage)},

	{"a page in gzip", true, rawPage("200 OK", coded(samplePage, "gzip"), "Content-Encoding", "gzip", "ETag", someTag, "Vary", "Accept-Encoding")},
	{"a page in x-gzip", true, rawPage("200 OK", coded(samplePage, "gzip"), "Content-Encoding", "X-GZIP")},
	{"a page in deflate", true, rawPage("200 OK", coded(samplePage, "deflate"), "Content-Encoding", "deflate")},
	{"a page in deflate without zlib", true, rawPage("200 OK", coded(samplePage, "raw deflate"), "Content-Encoding", "deflate")},
	{"a page in br", true, rawPage("200 OK", coded(samplePage, "br"), "Content-Encoding", "br")},
	{"a page in zstd", true, rawPage("200 OK", coded(samplePage, "zstd"), "Content-Encoding", "zstd")},
	{"a page coded twice", true, rawPage("200 OK", coded(samplePage, "gzip", "br"), "Content-Encoding", "gzip, br")},
	{"a page coded twice, on two lines", true, rawPage("200 OK", coded(samplePage, "zstd", "gzip"), "Content-Encoding", "zstd", "Content-Encoding", "gzip")},
	{"a page in gzip, in chunks", true, rawPage("200 OK", chunks(coded(samplePage, "gzip"), 7), "Content-Encoding", "gzip", "Transfer-Encoding", "chunked")},
	{"a page in two parts of gzip", true, rawPage("200 OK", coded(samplePage[:500], "gzip")+coded(samplePage[500:], "gzip"), "Content-Encoding", "gzip")},
	{"a page in identity", true, rawPage("200 OK", samplePage, "Content-Encoding", "identity")},
	{"a page in an unknown coding", false, rawPage("200 OK", coded(samplePage, "br"), "Content-Encoding", "dcb", "ETag", someTag)},
	{"a page in a known and an unknown coding", false, rawPage("200 OK", coded(samplePage, "br", "gzip"), "Content-Encoding", "dcb, gzip")},
	{"a page that is not what it says", false, rawPage("200 OK", samplePage, "Content-Encoding", "gzip")},
	{"a page in br that is not", false, rawPage("200 OK", samplePage, "Content-Encoding", "br")},
	{"an empty page in gzip", false, rawPage("200 OK", "", "Content-Encoding", "gzip")},
	{"a page broken off in its first bytes", false, rawPage("200 OK", coded(samplePage, "gzip")[:9], "Content-Encoding", "gzip")},
	{"a style sheet in gzip", false, raw("200 OK", coded(sampleStyle, "gzip"), "Content-Type", "text/css", "Content-Encoding", "gzip", "Vary", "Accept-Encoding")},
	{"JSON in br", false, raw("200 OK", coded(`{"a":1}`, "br"), "Content-Type", "application/json", "Content-Encoding", "br")},
	{"a download in gzip", false, rawPage("200 OK", coded(samplePage, "gzip"), "Content-Encoding", "gzip", "Content-Disposition", "attachment")},

	{"a page that is shorter than it says", true, rawPage("200 OK", samplePage, "Content-Length", "100000")},
	{"a page that is longer than it says", true, rawPage("200 OK", samplePage, "Content-Length", "100")},
	{"a page that breaks off in chunks", true, rawPage("200 OK", strings.TrimSuffix(chunks(samplePage, 500), "0\r\n\r\n"), "Transfer-Encoding", "chunked")},
	{"a page that breaks off in a chunk", true, rawPage("200 OK", chunks(samplePage, 1000)[:1500], "Transfer-Encoding", "chunked")},
	{"a page in gzip that breaks off", true, rawPage("200 OK", coded(samplePage, "gzip")[:200], "Content-Encoding", "gzip", "Content-Length", "100000")},
	{"a style sheet that is shorter than it says", false, raw("200 OK", sampleStyle, "Content-Type", "text/css", "Content-Length", "100000")},
	{"a style sheet that is longer than it says", false, raw("200 OK", sampleStyle, "Content-Type", "text/css", "Content-Length", "100")},
	{"a style sheet that breaks off", false, raw("200 OK", strings.TrimSuffix(chunks(sampleStyle, 500), "0\r\n\r\n"), "Content-Type", "text/css", "Transfer-Encoding", "chunked")},
	{"an answer that is none", false, "nonsense\r\n\r\n"},
	{"no answer", false, ""},
	{"a page whose length is no number", false, rawPage("200 OK", samplePage, "Content-Length", "x")},
}

// serveRaw answers the request for /n with the nth of rawAnswers.
func serveRaw(w http.ResponseWriter, r *http.Request) {
	var n int
	_, _ = fmt.Sscanf(r.URL.Path, "/%d", &n)
	answer := rawAnswers[n].answer
	if r.Method == http.MethodHead {
		head, _, _ := strings.Cut(answer[max(0, strings.LastIndex(answer, "HTTP/1.")):], "\r\n\r\n")
		answer = head + "\r\n\r\n"
	}
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = connection.Close() }()
	_, _ = io.WriteString(connection, answer)
}

// askers are who asks: a browser that shows a page, a program, and a browser that
// loads a part of a page.
var askers = []struct {
	name    string
	reads   bool // HTML is rewritten for it
	headers []string
}{
	{"navigation", true, []string{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Dest", "document", "Sec-Fetch-Mode", "navigate"}},
	{"program", true, []string{"Accept", "*/*"}},
	{"image", false, []string{"Accept", "image/avif,*/*;q=0.8", "Sec-Fetch-Dest", "image"}},
}

// sniffedOnly are pages that only their bodies tell from others: the answer to
// HEAD is none. bodyTells are those that the answer to HEAD seems to be.
var (
	sniffedOnly = nameList("a page without a type")
	bodyTells   = nameList("a page that is not what it says", "a page in br that is not", "an empty page in gzip", "a page broken off in its first bytes")
)

// TestTransparency compares what a visitor who granted everything gets with what
// the site answers, over every version of HTTP, with and without encode.
func TestTransparency(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, encoded := range []bool{false, true} {
			w := newProxyTwins(t, secure, encoded, http.HandlerFunc(serveRaw))
			for _, c := range carriers(t) {
				if c.secure != secure {
					continue
				}
				for i, answer := range rawAnswers {
					t.Run(fmt.Sprintf("%s, encode %t/%s", c.name, encoded, answer.name), func(t *testing.T) {
						for _, asker := range askers {
							if !asker.reads && !answer.page {
								continue
							}
							for _, method := range []string{http.MethodGet, http.MethodHead} {
								for _, accepted := range []string{"identity", "gzip", "zstd, br, gzip"} {
									if accepted != "identity" && !encoded || method == http.MethodHead && accepted == "gzip" {
										continue
									}
									t.Run(strings.Join([]string{asker.name, method, accepted}, " "), func(t *testing.T) {
										headers := append([]string{"Accept-Encoding", accepted}, asker.headers...)
										if method == http.MethodHead && bodyTells[answer.name] {
											return
										}
										bare, x := w.both(t, c, method, fmt.Sprintf("/%d", i), nil, headers...)
										known := method != http.MethodHead || !sniffedOnly[answer.name]
										x.compare(t, bare, method, answer.page && asker.reads && known, strings.Contains(answer.answer, "Content-Encoding"))
									})
								}
							}
						}
					})
				}
			}
		}
	}
}
