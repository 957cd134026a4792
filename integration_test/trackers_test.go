package integration_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// npmPackage returns the archive of a package as npm has it, kept in .tools.
func npmPackage(t *testing.T, name, version string) string {
	t.Helper()
	dir, err := filepath.Abs("../.tools/npm")
	if err != nil {
		t.Fatal(err)
	}
	packed := filepath.Join(dir, strings.ReplaceAll(strings.TrimPrefix(name, "@"), "/", "-")+"-"+version+".tgz")
	if _, err := os.Stat(packed); errors.Is(err, os.ErrNotExist) {
		fetched, err := os.MkdirTemp("", "npm") // so that what is cut short leaves nothing
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(fetched) }()
		if out, err := exec.Command("npm", "pack", "--pack-destination", fetched, name+"@"+version).CombinedOutput(); err != nil {
			t.Fatalf("npm pack %s@%s: %v\n%s", name, version, err, out)
		}
		data, err := os.ReadFile(filepath.Join(fetched, filepath.Base(packed)))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		partial := packed + fmt.Sprintf(".%d", os.Getpid())
		if err := os.WriteFile(partial, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(partial, packed); err != nil {
			t.Fatal(err)
		}
	}
	return packed
}

// npmFile returns a file of a package as npm has it.
func npmFile(t *testing.T, name, version, file string) string {
	t.Helper()
	packed := npmPackage(t, name, version)
	f, err := os.Open(packed)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatalf("%s: %v", packed, err)
	}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if err != nil {
			t.Fatalf("%s has no %s: %v", packed, file, err)
		}
		if header.Name == "package/"+file {
			data, err := io.ReadAll(archive)
			if err != nil {
				t.Fatalf("%s: %v", packed, err)
			}
			return string(data)
		}
	}
}

// trackers are pages as vendors have their customers write them, and what the
// vendor is then asked for. {} is the vendor's origin.
var trackers = []struct {
	name  string
	files func(t *testing.T) map[string]string // that the vendor serves
	html  string
	act   string
	want  string
}{
	{"Mixpanel, a script element and a call",
		func(t *testing.T) map[string]string {
			return map[string]string{"/mixpanel.js": npmFile(t, "mixpanel-browser", "2.83.0", "dist/mixpanel.umd.js")}
		},
		`<script src="{}/mixpanel.js"></script>
		<script>
			if (window.mixpanel) {
				mixpanel.init("0123456789abcdef0123456789abcdef", {api_host: "{}", batch_requests: false, persistence: "localStorage", ignore_dnt: true});
				mixpanel.track("seen");
			}
		</script>`, "", "/mixpanel.js POST:/track/"},
	{"Amplitude, a script that loads a script",
		func(t *testing.T) map[string]string {
			return map[string]string{"/amplitude.js": npmFile(t, "amplitude-js", "8.21.10", "amplitude.umd.min.js")}
		},
		`<script>
			const loader = document.createElement("script");
			loader.async = true;
			loader.onload = () => {
				const client = amplitude.getInstance();
				client.init("0123456789abcdef0123456789abcdef", null, {apiEndpoint: "{}/collect".slice(7), forceHttps: false, batchEvents: false});
				client.logEvent("seen");
			};
			loader.src = "{}/amplitude.js";
			document.head.append(loader);
		</script>`, "", "/amplitude.js POST:/collect"},
	{"an application that adds a script later", nil,
		`<script>window.later = () => {
			const e = document.createElement("script");
			e.src = "{}/later.js";
			document.head.append(e);
			return new Promise((done) => e.onload = e.onerror = () => done(0));
		}</script>`, "later()", "/later.js"},
	{"a tag manager that adds three",
		func(*testing.T) map[string]string {
			return map[string]string{
				"/manager.js": `for (const name of ["one", "two"]) {
					const e = document.createElement("script");
					e.src = new URL(name + ".js", document.currentScript.src);
					document.head.append(e);
				}
				new Image().src = new URL("three.png", document.currentScript.src);`,
			}
		},
		`<script>(function (w, d, s, n) { w[n] = w[n] || []; var e = d.createElement(s); e.async = 1; e.src = "{}/manager.js?id=1"; d.getElementsByTagName(s)[0].before(e); })(window, document, "script", "layer")</script>
		<noscript><iframe src="{}/manager.html" height=0 width=0 style="display:none"></iframe></noscript>`, "", "/manager.js /one.js /two.js /three.png"},
}

// TestTrackers has real trackers, and the ways trackers come into pages, track
// when that is granted and only then.
func TestTrackers(t *testing.T) {
	u := newUpstream(t)
	s := u.behind(siteHost, media)
	startCaddy(t, s)
	for i := range trackers {
		c := &trackers[i]
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{}
			if c.files != nil {
				files = c.files(t)
			}
			b := newTab(t)
			visit := func(s site, loads bool) *outsider {
				third, witness := newOutsider(t, thirdHost), newOutsider(t, witnessHost)
				third.files = files
				body := third.fill(c.html) + `<script src="` + witness.origin() + `/seen.js"></script>`
				b.visit(s.url(u.put(sheet{html: "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n<title>t</title>\n</head>\n<body>\n" + body + "\n</body>\n</html>\n"})))
				if c.act != "" {
					eval[int](b, c.act)
				}
				witness.checkAsked(b, "/seen.js")
				if loads {
					third.checkAsked(b, c.want)
				}
				return third
			}
			visit(u.bare(), true)
			b.forget()
			before := visit(s, false)
			b.post("choice=allow&grant=video")
			visit(s, true)
			b.visit(s.url("/"))
			b.post("choice=refuse_all")
			after := visit(s, false)
			b.leave()
			before.checkUntouched(t)
			after.checkUntouched(t)
		})
	}
}

// TestTagManagerBringsOnlyWhatIsGranted grants a tag manager that adds another
// service's script, and one that nobody declared.
func TestTagManagerBringsOnlyWhatIsGranted(t *testing.T) {
	u := newUpstream(t)
	s := u.behind(siteHost, media)
	startCaddy(t, s)
	manager, other, stranger := newOutsider(t, thirdHost), newOutsider(t, "other.localhost"), newOutsider(t, "stranger.localhost")
	manager.files = map[string]string{"/manager.js": strings.NewReplacer("{other}", other.origin(), "{stranger}", stranger.origin()).Replace(`
		window.ended = Promise.all(["{other}", "{stranger}"].map((origin) => new Promise((done) => {
			const e = document.createElement("script");
			e.onload = e.onerror = () => done(0);
			e.src = origin + "/added.js";
			document.head.append(e);
		}))).then(() => 0);`)}
	b := newTab(t)
	b.visit(s.url("/"))
	b.post("choice=allow&grant=video")
	b.visit(s.url(u.put(sheet{html: framing("", `<script src="`+manager.origin()+`/manager.js"></script>`)})))
	manager.checkAsked(b, "/manager.js")
	eval[int](b, "window.ended")
	b.leave()
	other.checkUntouched(t)
	stranger.checkUntouched(t)
}
