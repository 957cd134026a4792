package banner

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"strings"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

//go:embed scripts
var scriptFiles embed.FS

// guard is the script that keeps a page's scripts from loading what is refused,
// where undeclared hosts may be loaded and no Content-Security-Policy can.
var guard = readScript("guard.js")

// readScript returns a script without its comment lines and indentation.
func readScript(name string) string {
	data, err := scriptFiles.ReadFile("scripts/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	var kept []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Head returns what belongs before the first script of a page: the guard, where
// hosts of services are refused and undeclared ones are not.
func (b *Banner) Head(dst []byte, v *enforcer.Visit, _ rewriter.Page) []byte {
	declared := b.config.Policy
	if !declared.AllowUndeclaredHosts {
		return dst
	}
	granted, refused := hostsBy(declared, &v.Standing.Grants)
	if len(refused) == 0 {
		return dst
	}
	var out strings.Builder
	out.WriteString(`<script data-cookie-consent-inserted=""`)
	for _, attribute := range []struct {
		name  string
		value string
	}{{"nonce", v.ScriptNonce}, {"data-refused", strings.Join(refused, " ")}, {"data-granted", strings.Join(granted, " ")}} {
		if attribute.value != "" {
			out.WriteString(" " + attribute.name + `="` + template.HTMLEscapeString(attribute.value) + `"`)
		}
	}
	out.WriteString(">" + guard + "</script>")
	return append(dst, ascii(out.String())...)
}

// hostsBy lists the declared hosts whose services are granted, or some service
// of them, and the others.
func hostsBy(p *policy.Policy, grants *policy.Set) (granted, refused []string) {
	for i, s := range p.Services {
		if grants.Has(i) {
			granted = append(granted, s.Hosts...)
		} else {
			refused = append(refused, s.Hosts...)
		}
	}
	return granted, refused
}

// Version changes whenever what is inserted does, or the declaration.
func (b *Banner) Version() string {
	h := sha256.New()
	h.Write([]byte(b.config.Policy.Revision + guard))
	for _, lang := range b.config.Languages {
		for _, m := range []markup{b.asking[lang], b.answered[lang]} {
			h.Write([]byte(strings.Join(m.pieces, "\x00")))
		}
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:9])
}
