package banner

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer/rewriter"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

//go:embed scripts
var scriptFiles embed.FS

// headScript is a script that stands before any other of a page. The same text
// serves every visitor; what differs by grants comes as attributes.
type headScript struct {
	text string
	told func(*policy.Policy, *policy.Set) []string // names and values in turn; nil where the page needs no such script
	page bool                                       // it stands in whole pages only, and is told their state too
	memo enforcer.Memo[policy.Set]                  // told, as markup
	// report is told too, outside of frames, whose policies need not admit it.
	report string
}

// headScripts returns the scripts of a site's pages: signals tells vendors' scripts
// what is granted, before any of them, state the site's own, cookies keeps them from writing what may not be there, and hosts from
// loading what is refused, where undeclared hosts may be loaded and no
// Content-Security-Policy can.
//
// In observe mode there is but the script that tells which names are used.
func headScripts(c *Config) []*headScript {
	p, signals := c.Policy, c.Signals
	report := []string{"data-report", c.reportPath()}
	if c.Observe {
		return []*headScript{{text: readScript("observe.js"), told: func(*policy.Policy, *policy.Set) []string { return report }}}
	}
	var scripts []*headScript
	if len(signals) > 0 {
		scripts = append(scripts, &headScript{text: readScript("signals.js"), page: true, told: func(p *policy.Policy, grants *policy.Set) []string {
			return []string{"data-signals", strings.Join(signals, " "), "data-granted", strings.Join(p.Granted(grants), " ")}
		}})
	}
	scripts = append(scripts, &headScript{text: readScript("state.js"), told: usable, page: true}, &headScript{text: readScript("cookies.js"), told: writable, report: attributes(report)})
	if p.AllowUndeclaredHosts {
		scripts = append(scripts, &headScript{text: readScript("hosts.js"), told: loadable})
	}
	return scripts
}

// reportPath is where scripts of ours report to; empty when nobody wants to know.
func (c *Config) reportPath() string {
	if c.Report == nil {
		return ""
	}
	return c.Path + "/report"
}

// readScript returns a script without its comment lines and indentation.
func readScript(name string) string {
	source, err := scriptFiles.ReadFile("scripts/" + name)
	if err != nil {
		panic(err) // embedded
	}
	var lines []string
	for line := range strings.Lines(string(source)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Head appends what belongs before the first script of a page.
func (b *Banner) Head(dst []byte, v *enforcer.Visit, _ rewriter.Page) []byte {
	grants := &v.Standing.Grants
	for _, script := range b.head {
		told := script.memo.Get(*grants, func() string { return attributes(script.told(b.config.Policy, grants)) })
		if told == "" || script.page && v.Framed() {
			continue
		}
		dst = append(dst, `<script data-cookie-consent-inserted=""`...)
		dst = append(dst, told...)
		if !v.Framed() {
			dst = append(dst, script.report...)
		}
		if script.page {
			dst = append(dst, ` data-state="`+v.Standing.State+`"`...)
		}
		if v.ScriptNonce != "" {
			dst = append(dst, attributes([]string{"nonce", v.ScriptNonce})...)
		}
		dst = append(dst, '>')
		dst = append(dst, script.text...)
		dst = append(dst, "</script>"...)
	}
	return dst
}

// attributes writes names and values in turn as markup, without those that are empty.
func attributes(told []string) string {
	var out strings.Builder
	for i := 0; i < len(told); i += 2 {
		if value := told[i+1]; value != "" {
			out.WriteString(" " + told[i] + `="` + escape(value) + `"`)
		}
	}
	return out.String()
}

// usable tells what is granted, as the site is told, and every service of it.
func usable(p *policy.Policy, grants *policy.Set) []string {
	var services []string
	for i := range p.Services {
		if grants.Has(i) {
			services = append(services, p.Services[i].ID)
		}
	}
	return []string{"data-granted", strings.Join(p.Granted(grants), " "), "data-services", strings.Join(services, " ")}
}

// writable tells which cookies and keys scripts may write: the cookie-names in the
// order in which they decide, each with + or -, the last one fits all; and the keys
// of web storage that belong to a service which is not granted.
func writable(p *policy.Policy, grants *policy.Set) []string {
	var names strings.Builder
	for _, name := range p.Names(grants) {
		if name.Passes {
			names.WriteByte('+')
		} else {
			names.WriteByte('-')
		}
		names.WriteString(escapeName(name.Pattern) + " ")
	}
	if p.AllowUndeclared {
		names.WriteString("+*")
	} else {
		names.WriteString("-*")
	}
	var keys []string
	for i := range p.Services {
		if grants.Has(i) {
			continue
		}
		for _, key := range p.Services[i].Storage {
			keys = append(keys, key.Area+":"+escapeName(key.Key))
		}
	}
	if names.String() == "+*" && len(keys) == 0 {
		return nil
	}
	return []string{"data-names", names.String(), "data-keys", strings.Join(keys, " ")}
}

// escapeName escapes what separates names in a list. Stars stay.
func escapeName(name string) string {
	return strings.ReplaceAll(url.PathEscape(name), "%2A", "*")
}

// loadable tells the declared hosts of services that are not granted, and of those
// that are.
func loadable(p *policy.Policy, grants *policy.Set) []string {
	var granted, refused []string
	for i, s := range p.Services {
		if grants.Has(i) {
			granted = append(granted, s.Hosts...)
		} else {
			refused = append(refused, s.Hosts...)
		}
	}
	if len(refused) == 0 {
		return nil
	}
	return []string{"data-refused", strings.Join(refused, " "), "data-granted", strings.Join(granted, " ")}
}
