package rewriter

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

const xhtml = `<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x"><html xmlns="http://www.w3.org/1999/xhtml" xmlns:xlink="http://www.w3.org/1999/xlink" xml:lang="fr" lang="fr">`

// xhtmls are what stands in an XHTML document, written as in holding. A "|" is
// where the insertion belongs.
var xhtmls = []struct{ name, document, want string }{
	{"a body", `<head><title>x</title></head><body>|<p/></body>`, `<head><title>x</title></head><body>|<p/></body>`},
	{"no body", `<head/><p/>`, `<head/><p/>`},
	{"a body that closes itself", `<body/>`, `<body/>`},
	{"CDATA", `<body>|<![CDATA[<img src="//ads/1"/>]]><img src="//ads/2"/></body>`, `<body>|<![CDATA[<img src="//ads/1"/>]]><img¡ ~src="//ads/2"/></body>`},
	{"a processing instruction", `<body>|<?x <img src="//ads/1"/> > ?><img src="//ads/2"/></body>`, `<body>|<?x <img src="//ads/1"/> > ?><img¡ ~src="//ads/2"/></body>`},
	{"a style sheet's instruction", `<?xml-stylesheet type="text/css" href="//ads/1.css"?><?xml-stylesheet href="/x.css"?><body>|</body>`, `<?xml-stylesheet type="text/css" ~href="//ads/1.css"?><?xml-stylesheet href="/x.css"?><body>|</body>`},
	{"a comment ends with dashes only", `<body>|<!--> <img src="//ads/1"/> --><img src="//ads/2"/></body>`, `<body>|<!--> <img src="//ads/1"/> --><img¡ ~src="//ads/2"/></body>`},
	{"elements that close themselves", `<head><title/><script src="//ads/1"/><style/></head><body>|<textarea/><img src="//ads/2"/></body>`, `<head><title/><script type="text/plain"¡ ~src="//ads/1"/><style/></head><body>|<textarea/><img¡ ~src="//ads/2"/></body>`},
	{"no text elements", `<body>|<textarea><img src="//ads/1"/></textarea><noscript><img src="//ads/2"/></noscript></body>`, `<body>|<textarea><img¡ ~src="//ads/1"/></textarea><noscript><img¡ ~src="//ads/2"/></noscript></body>`},
	{"XLink", `<body>|<svg xmlns="http://www.w3.org/2000/svg"><image xlink:href="//ads/1"/></svg></body>`, `<body>|<svg xmlns="http://www.w3.org/2000/svg"><image¡ xlink:~href="//ads/1"/></svg></body>`},
	{"another prefix", `<body>|<s:svg xmlns:s="http://www.w3.org/2000/svg" xmlns:l="http://www.w3.org/1999/xlink"><s:image l:href="//ads/1"/></s:svg></body>`, `<body>|<s:svg xmlns:s="http://www.w3.org/2000/svg" xmlns:l="http://www.w3.org/1999/xlink"><s:image¡ l:~href="//ads/1"/></s:svg></body>`},
	{"paints", `<body>|<svg xmlns="http://www.w3.org/2000/svg"><g fill="url(//ads/1)"/></svg></body>`, `<body>|<svg xmlns="http://www.w3.org/2000/svg"><g¡ fill="url(¿//ads/1)"/></svg></body>`},
	{"a script with a type", `<body>|<script type="text/javascript" src="//ads/1"></script></body>`, `<body>|<script type="text/plain"¡ ~type="text/javascript" ~src="//ads/1"></script></body>`},
	{"a script with a mark", `<body>|<script>//<![CDATA[
if (1 < 2) "</script>", _paq.push(1)
//]]></script></body>`, `<body>|<script type="text/plain"¡>//<![CDATA[
if (1 < 2) "</script>", _paq.push(1)
//]]></script></body>`},
	{"a style sheet", `<head><style>@import "//ads/1"; a{b:url(&#x2f;/ads/2)}</style></head><body>|</body>`, `<head><style>@import "¿//ads/1"; a{b:url(¿&#x2f;/ads/2)}</style></head><body>|</body>`},
	{"a style sheet in CDATA", `<head><style><![CDATA[a>b{c:url(//ads/1)}]]></style></head><body>|</body>`, `<head><style><![CDATA[a>b{c:url(¿//ads/1)}]]></style></head><body>|</body>`},
	{"a style sheet with elements", `<body>|<style><b style="a:url(//ads/1)"/>c{d:url(//ads/2)}</style></body>`, `<body>|<style><b¡ style="a:url(¿//ads/1)"/>c{d:url(¿//ads/2)}</style></body>`},
	{"a base in a template", `<body>|<template><base href="/"/></template><base href="//ads/"/><img src="x"/></body>`, `<body>|<template><base href="/"/></template><base href="//ads/"/><img¡ ~src="x"/></body>`},
	{"an iframe", `<body>|<iframe src="//ads/1"/></body>`, `<body>|<iframe srcdoc="&lt;p title=&#34;ads&#34;&gt;cookie-consent-content-1"¡ ~src="//ads/1"/></body>`},
	{"a srcdoc", `<body>|<iframe srcdoc="&lt;img src=&quot;//ads/1&quot;>"/></body>`, `<body>|<iframe srcdoc="&lt;img data-cookie-consent-service=&#34;ads&#34; ~src=&quot;//ads/1&quot;>"/></body>`},
	{"a script that is too long", `<body>|<script type="x" title="…" src="//ads/1"/></body>`, `<body>|<script type="text/plain" data-cookie-consent-service="" ~type="x" title="…" ~src="//ads/1"/></body>`},
}

func TestXHTML(t *testing.T) {
	const inserted = `<i data-cookie-consent-inserted=""/>`
	long := strings.Repeat("x", 2*maxTag)
	for _, row := range xhtmls {
		t.Run(row.name, func(t *testing.T) {
			document := strings.NewReplacer("|", "", "…", long).Replace(xhtml + row.document + "</html>")
			want := strings.NewReplacer("|", inserted, "…", long, "¡", " "+Mark+`="ads"`, "~", Prefix, "¿", Invalid+"ads;").Replace(xhtml + row.want + "</html>")
			for _, size := range []int{1, 7, 4096, len(document)} {
				c := Config{XML: true, Body: func(dst []byte, _ Page) []byte { return append(dst, inserted...) }}
				if got := held(t, c, document, size); got != want {
					t.Fatalf("chunks of %d:\ngot  %s\nwant %s", size, short(got, long), short(want, long))
				}
			}
			wellFormed(t, document)
			wellFormed(t, want)
			if got := strip(strings.Replace(want, inserted, "", 1)); got != document {
				t.Errorf("without marks: %s", short(got, long))
			}
		})
	}
}

// wellFormed checks that a document is, and that every prefix has a namespace.
func wellFormed(t *testing.T, document string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(document))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%v in %.300s", err, document)
		}
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		seen := map[xml.Name]bool{}
		for _, a := range element.Attr {
			if seen[a.Name] || a.Name.Space != "" && !strings.Contains(a.Name.Space, "://") && a.Name.Space != "xml" && a.Name.Space != "xmlns" {
				t.Errorf("attribute %v in %.300s", a.Name, document)
			}
			seen[a.Name] = true
		}
	}
}
