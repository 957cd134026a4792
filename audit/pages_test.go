package audit

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const index = `<?xml version="1.0" encoding="UTF-8"?><sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><sitemap><loc>https://a.example/one.xml.gz</loc></sitemap></sitemapindex>`

const urls = `<?xml version="1.0" encoding="UTF-8"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
<url><loc> https://a.example/x?a=1&amp;b=2 </loc><image:image><image:loc>https://a.example/i.png</image:loc></image:image></url><url><loc>https://a.example/y</loc></url>`

func TestReadSitemap(t *testing.T) {
	for _, row := range []struct{ name, text, pages, sitemaps string }{
		{"an index", index, "", "https://a.example/one.xml.gz"},
		{"pages, cut short, with images", urls, "https://a.example/x?a=1&b=2 https://a.example/y", ""},
		{"gzip", gzipped(t, urls+"</urlset>"), "https://a.example/x?a=1&b=2 https://a.example/y", ""},
		{"text", "\ufeffhttps://a.example/1\nhttps://a.example/2\n", "https://a.example/1 https://a.example/2", ""},
		{"another encoding", `<?xml version="1.0" encoding="ISO-8859-1"?><urlset><url><loc>https://a.example/1</loc></url></urlset>`, "https://a.example/1", ""},
		{"a page", "<!doctype html><title>Not found</title><p>loc", "", ""},
		{"nothing", "", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			pages, sitemaps := readSitemap(strings.NewReader(row.text))
			for i := range pages {
				pages[i] = strings.TrimPrefix(pages[i], "\ufeff")
			}
			if strings.Join(pages, " ") != row.pages || strings.Join(sitemaps, " ") != row.sitemaps {
				t.Errorf("got %q and %q, want %q and %q", pages, sitemaps, row.pages, row.sitemaps)
			}
		})
	}
}

func TestReadRobots(t *testing.T) {
	got := readRobots(strings.NewReader("\ufeffUser-agent: *\nDisallow: /\nSITEMAP : https://a.example/s.xml # ours\nSitemap:https://a.example/t.xml\nSitemap:\n"))
	if want := []string{"https://a.example/s.xml", "https://a.example/t.xml"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOwn(t *testing.T) {
	start, err := url.Parse("https://a.example/dir/")
	if err != nil {
		t.Fatal(err)
	}
	a := &auditor{start: start}
	for link, want := range map[string]string{
		"/x#part": "https://a.example/x", "y?q=1": "https://a.example/dir/y?q=1", "https://A.example:443/z": "https://A.example:443/z", "//a.example": "https://a.example/",
		"https://b.example/": "", "http://a.example/": "", "mailto:a@a.example": "", "/file.PDF": "", "/x.html": "https://a.example/x.html", "/v1.2/x": "https://a.example/v1.2/x",
		"/logout": "", "https://me@a.example/": "", "javascript:void(0)": "", "/a.b.longname": "https://a.example/a.b.longname",
	} {
		if got := a.own(link); got != want {
			t.Errorf("own(%q) = %q, want %q", link, got, want)
		}
	}
}

func TestChoosePages(t *testing.T) {
	pages := []string{"h/", "h/news/1", "h/news/2", "h/news/3", "h/shop/1", "h/about"}
	for i := range pages {
		pages[i] = strings.Replace(pages[i], "h/", "https://a.example/", 1)
	}
	var got []string
	for _, p := range choosePages(pages[0], pages, 5) {
		got = append(got, strings.TrimPrefix(p, "https://a.example"))
	}
	if want := "/ /news/1 /shop/1 /about /news/2"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q: each part of a site once before the next of one", strings.Join(got, " "), want)
	}
}

func TestSitemapOfSite(t *testing.T) {
	t.Parallel()
	b := newBed(t, false)
	host := "mapped.localhost"
	page := html(`<a href="/unlisted">u</a>`)
	origin := b.origin(host)
	b.put(host, map[string]http.HandlerFunc{
		"/": page, "/listed": page, "/unlisted": page,
		"/robots.txt": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, "Sitemap: %s/moved\n", origin)
		},
		"/moved": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/index.xml", http.StatusFound) },
		"/index.xml": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Replace(index, "https://a.example", origin, 1)))
		},
		"/one.xml.gz": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(gzipped(t, strings.Replace(urls, "https://a.example/y", origin+"/listed", 1))))
		},
	})
	r := run(t, quick(origin))
	if v := r.Pass(Before); r.Source != "sitemap" || len(v.Pages) != 2 || v.Pages[1].URL != origin+"/listed" {
		t.Errorf("from %s: %+v", r.Source, v.Pages)
	}
}

func TestClean(t *testing.T) {
	for address, want := range map[string]string{
		"https://u:p@a.example/x?q=1#f": "https://a.example/x", "data:text/html,secret": "data:", "blob:https://a.example/1": "blob:",
		"https://a.example/%zz?q=1": "https://a.example/%zz", "": "", "wss://a.example/s?t=1": "wss://a.example/s",
	} {
		if got := clean(address); got != want {
			t.Errorf("clean(%q) = %q, want %q", address, got, want)
		}
	}
}

func TestParty(t *testing.T) {
	for _, row := range []struct {
		own, host string
		third     bool
	}{
		{"www.a.example", "cdn.a.example", false}, {"a.example", "b.example", true}, {"a.github.io", "b.github.io", true}, {"a.co.uk", "x.a.co.uk", false},
		{"localhost", "localhost", false}, {"127.0.0.1", "127.0.0.1", false}, {"127.0.0.1", "127.0.0.2", true}, {"a.localhost", "b.localhost", true}, {"a.example", "", false},
	} {
		if got := newParty(row.own).third(row.host); got != row.third {
			t.Errorf("third(%q) on %q = %v, want %v", row.host, row.own, got, row.third)
		}
	}
}
