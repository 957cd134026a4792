package caddyfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
)

// words maps each word a block knows to what reads its arguments.
type words map[string]func() error

// block reads the block that follows, if there is one.
func (p *parser) block(name string, known words) error {
	for nesting := p.Nesting(); p.NextBlock(nesting); {
		read, ok := known[p.Val()]
		if !ok {
			return p.Errf("unknown word %q in %s; known are: %s", p.Val(), name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		if err := read(); err != nil {
			return err
		}
	}
	return nil
}

// mark remembers the current token as the origin of a JSON path.
func (p *parser) mark(path string) { p.from[path] = p.Token() }

// id reads the one argument that names a category or service.
func (p *parser) id(path string, value *string) error {
	if !p.Args(value) {
		return p.ArgErr()
	}
	p.mark(path)
	if p.NextArg() {
		return p.ArgErr()
	}
	return nil
}

// word reads one argument into value.
func (p *parser) word(path string, value *string) func() error {
	return func() error {
		word := p.Val()
		if *value != "" {
			return p.Errf("%s is set twice", word)
		}
		if !p.Args(value) {
			return p.ArgErr()
		}
		p.mark(path)
		if *value == "" {
			return p.Errf("%s is empty", word)
		}
		if p.NextArg() {
			return p.ArgErr()
		}
		return nil
	}
}

// list appends one or more arguments to values.
func (p *parser) list(path string, values *[]string) func() error {
	return func() error {
		if !p.NextArg() {
			return p.ArgErr()
		}
		for more := true; more; more = p.NextArg() {
			p.mark(fmt.Sprintf("%s[%d]", path, len(*values)))
			*values = append(*values, p.Val())
		}
		return nil
	}
}

// flag sets value; it takes no argument.
func (p *parser) flag(value *bool) func() error {
	return func() error {
		if p.NextArg() {
			return p.ArgErr()
		}
		*value = true
		return nil
	}
}

// duration reads one duration into value.
func (p *parser) duration(path string, value *caddy.Duration) func() error {
	var text string
	read := p.word(path, &text)
	return func() error {
		if err := read(); err != nil {
			return err
		}
		d, err := caddy.ParseDuration(text)
		if err != nil || d <= 0 {
			return p.Errf("%q is no duration such as 182d or 12h", text)
		}
		*value = caddy.Duration(d)
		return nil
	}
}

// text reads a language and a text.
func (p *parser) text(path string, value *config.Text) func() error {
	return func() error {
		word := p.Val()
		args := p.RemainingArgs()
		if len(args) != 2 {
			return p.Errf("%s takes a language and a text, such as: %s fr \"…\"", word, word)
		}
		p.mark(path + "." + args[0])
		if _, twice := (*value)[args[0]]; twice {
			return p.Errf("%s is set twice in %q", word, args[0])
		}
		if *value == nil {
			*value = config.Text{}
		}
		(*value)[args[0]] = args[1]
		return nil
	}
}
