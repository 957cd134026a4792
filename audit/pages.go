package audit

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// Bounds on what is read to find pages.
const (
	mostSitemaps  = 20
	mostEntries   = 50000    // of a sitemap (sitemaps.org protocol)
	largestFile   = 50 << 20 // of a sitemap, unpacked (the same)
	mostRobots    = 500 << 10
	mostRedirects = 5
)

// sitemap lists the pages of the site's sitemaps, none when it has no sitemap.
func (a *auditor) sitemap(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, 2*a.Timeout)
	defer cancel()
	queue := a.robots(ctx)
	if len(queue) == 0 {
		queue = []string{originOf(a.start) + "/sitemap.xml", originOf(a.start) + "/sitemap_index.xml"}
	}
	var pages []string
	asked := map[string]bool{}
	for len(queue) > 0 && len(asked) < mostSitemaps && len(pages) < mostEntries {
		address := queue[0]
		queue = queue[1:]
		if asked[address] {
			continue
		}
		asked[address] = true
		body, err := a.fetch(ctx, address)
		if err != nil {
			continue
		}
		locations, nested := readSitemap(body)
		_ = body.Close()
		queue = append(queue, nested...)
		for _, location := range locations {
			if u := a.own(location); u != "" {
				pages = append(pages, u)
			}
		}
	}
	return pages
}

// robots lists the sitemaps that robots.txt names.
func (a *auditor) robots(ctx context.Context) []string {
	body, err := a.fetch(ctx, originOf(a.start)+"/robots.txt")
	if err != nil {
		return nil
	}
	defer func() { _ = body.Close() }()
	return readRobots(io.LimitReader(body, mostRobots))
}

// readRobots lists the values of the Sitemap lines of a robots.txt.
func readRobots(r io.Reader) []string {
	var sitemaps []string
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		field, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "\ufeff"), ":")
		value, _, _ = strings.Cut(value, " #")
		if value = strings.TrimSpace(value); strings.EqualFold(strings.TrimSpace(field), "sitemap") && value != "" {
			sitemaps = append(sitemaps, value)
		}
	}
	return sitemaps
}

// readSitemap lists the pages of a sitemap and the sitemaps of a sitemap index,
// gzipped or not; of a text sitemap, its lines. What is cut short or malformed
// gives what stands before that.
func readSitemap(r io.Reader) (pages, sitemaps []string) {
	buffered := bufio.NewReader(r)
	if magic, _ := buffered.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, nil
		}
		buffered = bufio.NewReader(unzipped)
	}
	limited := bufio.NewReader(io.LimitReader(buffered, largestFile))
	if start, _ := limited.Peek(512); bytes.HasPrefix(bytes.TrimLeft(start, "\ufeff \t\r\n"), []byte("http")) {
		lines := bufio.NewScanner(limited)
		for lines.Scan() && len(pages) < mostEntries {
			pages = append(pages, strings.TrimSpace(lines.Text()))
		}
		return pages, nil
	}
	decoder := xml.NewDecoder(limited)
	decoder.Strict = false
	decoder.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // URLs are ASCII
	var parent, element string
	for len(pages)+len(sitemaps) < mostEntries {
		token, err := decoder.Token()
		if err != nil {
			break
		}
		switch t := token.(type) {
		case xml.StartElement:
			if element = t.Name.Local; element == "url" || element == "sitemap" {
				parent = element
			}
		case xml.CharData:
			text := strings.TrimSpace(string(t))
			if element != "loc" || text == "" {
				continue
			}
			if parent == "sitemap" {
				sitemaps = append(sitemaps, text)
			} else if parent == "url" {
				pages = append(pages, text)
			}
			parent = "" // what follows is the place of an image or a video
		case xml.EndElement:
			element = ""
		}
	}
	return pages, sitemaps
}

// fetch gets a file of the site without the browser. Further headers go to the
// site's own origin only, redirects included.
func (a *auditor) fetch(ctx context.Context, address string) (io.ReadCloser, error) {
	for range mostRedirects {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return nil, withoutURL(err)
		}
		if r.URL.Scheme != "http" && r.URL.Scheme != "https" {
			return nil, fmt.Errorf("unexpected scheme %q", r.URL.Scheme)
		}
		if originOf(r.URL) == originOf(a.start) {
			for name, values := range a.Header {
				r.Header[name] = values
			}
		}
		r.Header.Set("User-Agent", a.browser.agent)
		response, err := a.transport.RoundTrip(r)
		if err != nil {
			return nil, withoutURL(err)
		}
		if response.StatusCode == http.StatusOK {
			return response.Body, nil
		}
		_ = response.Body.Close()
		location, err := response.Location()
		if err != nil || response.StatusCode < 300 || response.StatusCode > 399 {
			return nil, fmt.Errorf("status %d", response.StatusCode)
		}
		address = location.String()
	}
	return nil, errors.New("too many redirects")
}

// dialLocal dials names below .localhost on this machine, as browsers do (RFC 6761
// section 6.3).
func dialLocal(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	host, port, err := net.SplitHostPort(address)
	if err == nil && (host == "localhost" || strings.HasSuffix(host, ".localhost")) {
		if c, err := d.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port)); err == nil {
			return c, nil
		}
		return d.DialContext(ctx, network, net.JoinHostPort("::1", port))
	}
	return d.DialContext(ctx, network, address)
}

// own returns the URL of a page of the site, without fragment; empty for what is of
// another host, no page, or ends a session.
func (a *auditor) own(location string) string {
	u, err := a.start.Parse(strings.TrimSpace(location))
	if err != nil || originOf(u) != originOf(a.start) || u.User != nil {
		return ""
	}
	u.Fragment = ""
	if u.Path == "" {
		u.Path = "/"
	}
	if file := strings.ToLower(path.Ext(u.Path)); file != "" && !pageFiles[file] && len(file) <= 6 {
		return ""
	}
	for _, word := range leaving {
		if strings.Contains(strings.ToLower(u.Path), word) {
			return ""
		}
	}
	return u.String()
}

// pageFiles are the extensions under which pages are served.
var pageFiles = map[string]bool{".html": true, ".htm": true, ".xhtml": true, ".php": true, ".asp": true, ".aspx": true, ".jsp": true, ".do": true, ".cfm": true}

// leaving are parts of paths that end a session, delete or download.
var leaving = []string{"logout", "log-out", "signout", "sign-out", "deconnexion", "disconnect", "abmelden", "/delete", "/remove", "/download", "/wp-json", "/feed"}

// choosePages takes at most n pages, the start first, and as many parts of the site
// as it can, since pages of one part are often made alike.
func choosePages(start string, pages []string, n int) []string {
	chosen := []string{start}
	taken := map[string]bool{start: true}
	var parts [][]string
	index := map[string]int{}
	for _, p := range pages {
		if taken[p] {
			continue
		}
		taken[p] = true
		part := partOf(p)
		i, known := index[part]
		if !known {
			i = len(parts)
			index[part] = i
			parts = append(parts, nil)
		}
		parts[i] = append(parts[i], p)
	}
	for round := 0; len(chosen) < n; round++ {
		before := len(chosen)
		for _, part := range parts {
			if round < len(part) && len(chosen) < n {
				chosen = append(chosen, part[round])
			}
		}
		if len(chosen) == before {
			break
		}
	}
	return chosen
}

// partOf is the first segment of a page's path, or its name when it has no folder.
func partOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	first, rest, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if rest == "" {
		return "/"
	}
	return first
}

// links lists the links of a page to pages of the site.
func (a *auditor) links(t *tab) []string {
	var all []string
	if frames := t.frames(); len(frames) > 0 {
		world, err := t.world(frames[0].ID)
		if err != nil {
			return nil
		}
		_ = t.evaluate(world, `[...document.querySelectorAll("a[href], area[href]")].slice(0, 5000).map((a) => String(a.href))`, &all)
	}
	var own []string
	for _, link := range all {
		if u := a.own(link); u != "" {
			own = append(own, u)
		}
	}
	return own
}
