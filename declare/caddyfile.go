package declare

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/inventory"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// WriteCaddyfile writes the services as blocks for the block of cookie_consent. What
// an operator should look at stands behind #.
func (p *Proposal) WriteCaddyfile(w io.Writer) error {
	var out strings.Builder
	for i := range p.Services {
		if i > 0 {
			out.WriteString("\n")
		}
		p.Services[i].block(&out)
	}
	for i, l := range p.Left {
		if i == 0 && out.Len() > 0 {
			out.WriteString("\n")
		}
		comment(&out, "", l.String())
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// String says what was left out, and why.
func (l Left) String() string {
	return fmt.Sprintf("left out: %s “%s”: %s", l.Kind, l.Name, l.Why)
}

// mostSeen is how many things are named above a block.
const mostSeen = 6

// block writes the service.
func (s *Service) block(out *strings.Builder) {
	if !s.Open {
		comment(out, "", "seen: "+s.seen())
	}
	for _, note := range s.Notes {
		comment(out, "", note)
	}
	out.WriteString("service " + s.ID)
	if s.Category == "" && len(s.Cookies)+len(s.Storage)+len(s.Hosts) == 0 {
		out.WriteString("\n")
		return
	}
	out.WriteString(" {\n")
	s.category(out)
	for _, c := range s.Cookies {
		s.cookie(out, token(c.Name), s.remarks[line{inventory.KindCookie, c.Name}], [][2]string{
			{"lifetime", c.Lifetime}, {"domain", c.Domain}, {"path", c.Path}, {"set_by third", c.SetBy},
		})
	}
	for _, k := range s.Storage {
		statement(out, "storage "+k.Area+" "+token(k.Key), s.remarks[line{inventory.KindStorage, k.Key}])
	}
	for _, host := range s.Hosts {
		statement(out, "host "+token(host), s.remarks[line{inventory.KindHost, host}])
	}
	out.WriteString("}\n")
}

// category writes purpose and category, as far as they are not the catalogue's.
func (s *Service) category(out *strings.Builder) {
	switch {
	case s.Open:
		comment(out, "\t", "TODO: purpose?")
		statement(out, "category "+s.Category, "TODO: category?")
	case s.Category == policy.Necessary:
		statement(out, "category "+s.Category+" "+s.Ground, "TODO: confirm")
	case s.Category != "":
		statement(out, "category "+s.Category, "")
	}
}

// cookie writes a cookie with those of its facts that there are.
func (s *Service) cookie(out *strings.Builder, name, remark string, facts [][2]string) {
	var block strings.Builder
	for _, fact := range facts {
		if fact[1] != "" {
			block.WriteString("\t\t" + fact[0] + " " + token(fact[1]) + "\n")
		}
	}
	if block.Len() == 0 {
		statement(out, "cookie "+name, remark)
		return
	}
	statement(out, "cookie "+name+" {", "")
	if remark != "" {
		comment(out, "\t\t", remark)
	}
	out.WriteString(block.String() + "\t}\n")
}

// seen names the things that the service was made from.
func (s *Service) seen() string {
	var names []string
	for _, t := range s.things {
		if names = append(names, t.Name); len(names) == mostSeen && len(s.things) > mostSeen+1 {
			names = append(names, fmt.Sprintf("and %d more", len(s.things)-mostSeen))
			break
		}
	}
	return strings.Join(names, ", ")
}

// statement writes a line of a block, with a remark behind it.
func statement(out *strings.Builder, text, remark string) {
	out.WriteString("\t" + text)
	if remark != "" {
		out.WriteString(" ")
		comment(out, "", remark)
		return
	}
	out.WriteString("\n")
}

// comment writes text behind #. Caddy reads comments too: it puts in variables of the
// environment, {$…}, before it knows what is a comment, and takes a backslash for one
// that continues the line.
func comment(out *strings.Builder, indent, text string) {
	text = strings.Map(func(c rune) rune {
		switch {
		case c == '\\' || c == '{' || c == unicode.ReplacementChar || !unicode.IsPrint(c):
			return '?'
		}
		return c
	}, text)
	out.WriteString(indent + "# " + strings.TrimSpace(text) + "\n")
}

var bare = regexp.MustCompile(`^[A-Za-z0-9_*./:%+-][A-Za-z0-9_*./:%+~!&'|^@=,;-]*$`)

// token writes text as one token, quoted where it needs to be. It has no backtick.
func token(text string) string {
	switch {
	case bare.MatchString(text):
		return text
	case strings.ContainsAny(text, `"\`):
		return "`" + text + "`"
	}
	return `"` + text + `"`
}
