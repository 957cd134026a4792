package integration_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/security"
)

// TestGatingOfEarlyHints has the site send Link lines ahead of a page: over HTTP/1, as
// they are written, and to a browser, which reads them over HTTP/2 only.
func TestGatingOfEarlyHints(t *testing.T) {
	u := newUpstream(t)
	s := u.behind(siteHost, media)
	text := strings.Replace(caddyfile(options(t.TempDir())), "auto_https off", "auto_https disable_redirects\nskip_install_trust", 1)
	loadCaddyfile(t, text+strings.NewReplacer("http://", "https://", "bind 127.0.0.1\n", "bind 127.0.0.1\ntls internal\n").Replace(s.String()))
	https := func(path string) string { return "https://" + s.authority() + path }
	b := newTab(t)
	b.until("Caddy has made its certificate", func() bool {
		conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port), &tls.Config{ServerName: s.host, InsecureSkipVerify: true})
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	call(b, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})

	for _, phase := range []struct {
		name   string
		fields string
		loads  bool
	}{{"before the choice", "", false}, {"granted", "choice=allow&grant=video", true}, {"withdrawn", "choice=refuse_all", false}} {
		t.Run(phase.name, func(t *testing.T) {
			b := b.of(t)
			b.visit(https("/"))
			if phase.fields != "" {
				b.post(phase.fields)
			}
			third, witness := newOutsider(t, thirdHost), newOutsider(t, witnessHost)
			links := []string{}
			for _, o := range []*outsider{third, witness} {
				links = append(links, "Link", o.fill("<{}/a.js>; rel=preload; as=script"), "Link", o.fill("<{}>; rel=preconnect, </own.css>; rel=preload; as=style"))
			}
			path := u.put(sheet{html: framing("", ""), header: links, early: true})

			var early []string
			r, err := http.NewRequest(http.MethodGet, https(path), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range b.jar() {
				r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
			}
			trace := &httptrace.ClientTrace{Got1xxResponse: func(status int, h textproto.MIMEHeader) error {
				early = append(early, h["Link"]...)
				return nil
			}}
			send(t, client(t), r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
			sent := strings.Join(early, "\n")
			if !strings.Contains(sent, witness.origin()) || strings.Count(sent, "</own.css>") != 2 {
				t.Errorf("what the site may load from is missing ahead of the page: %q", sent)
			}
			if got := strings.Count(sent, third.origin()); phase.loads && got != 2 || !phase.loads && got != 0 {
				t.Errorf("the third party is named %d times ahead of the page: %q", got, sent)
			}

			hinted := witness
			if phase.loads {
				hinted = third
			}
			b.until("what is hinted at is loaded", func() bool { // a browser may leave out what is a mere hint
				b.visit(https(path))
				return hinted.got("/a.js")
			})
			if phase.loads {
				return
			}
			b.leave()
			third.checkUntouched(t)
		})
	}
}
