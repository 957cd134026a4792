package caddyfile

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
)

// words maps each word a block knows to what reads its arguments.
type words map[string]func() error

// block reads the block that follows, if there is one.
func (p *parser) block(name string, known words) error {
	return p.lines(name, func(word string) error {
		read, ok := known[word]
		if !ok {
			return p.Errf("unknown word %q in %s; known are: %s", word, name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		return read()
	})
}

// lines calls read with the first word of each line of the block that follows,
// if there is one.
func (p *parser) lines(name string, read func(word string) error) error {
	if p.NextArg() {
		return p.Errf("unexpected %q behind %s", p.Val(), name)
	}
	nesting := p.Nesting()
	for p.NextBlock(nesting) {
		if p.ValRaw() == "{" {
			return p.Errf("unexpected block in %s: the word before it takes none", name)
		}
		if err := read(p.Val()); err != nil {
			return err
		}
	}
	if p.Nesting() > nesting {
		return p.Errf("the block of %s does not end; is there something behind a }?", name)
	}
	return nil
}

// mark remembers the current token as the origin of a JSON path.
func (p *parser) mark(path string) { p.from[path] = p.Token() }

// id reads the argument that names a category or service.
func (p *parser) id(path string, value *string) error {
	if !p.Args(value) {
		return p.ArgErr()
	}
	p.mark(path)
	return nil
}

// args reads between least and most arguments, none of them empty.
func (p *parser) args(least, most int) ([]string, error) {
	word, args := p.Val(), p.RemainingArgs()
	switch {
	case len(args) < least || len(args) > most:
		return nil, p.ArgErr()
	case slices.Contains(args, ""):
		return nil, p.Errf("%s has an empty argument", word)
	}
	return args, nil
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
			return p.Errf("%s has an empty argument", word)
		}
		if p.NextArg() {
			return p.ArgErr()
		}
		return nil
	}
}

// file reads a word that is the path of a file, relative to the Caddyfile.
func (p *parser) file(path string, value *string) func() error {
	read := p.word(path, value)
	return func() error {
		from := filepath.Dir(p.File())
		if err := read(); err != nil {
			return err
		}
		if !filepath.IsAbs(*value) {
			*value = filepath.Join(from, *value)
		}
		return nil
	}
}

// files appends paths of files, relative to the Caddyfile.
func (p *parser) files(path string, values *[]string) func() error {
	read := p.list(path, values)
	return func() error {
		from, first := filepath.Dir(p.File()), len(*values)
		if err := read(); err != nil {
			return err
		}
		for i := first; i < len(*values); i++ {
			if !filepath.IsAbs((*values)[i]) {
				(*values)[i] = filepath.Join(from, (*values)[i])
			}
		}
		return nil
	}
}

// list appends one or more arguments to values.
func (p *parser) list(path string, values *[]string) func() error {
	return func() error {
		word := p.Val()
		if !p.NextArg() {
			return p.ArgErr()
		}
		for more := true; more; more = p.NextArg() {
			if p.Val() == "" {
				return p.Errf("%s has an empty argument", word)
			}
			p.mark(fmt.Sprintf("%s[%d]", path, len(*values)))
			*values = append(*values, p.Val())
		}
		return nil
	}
}

// flag sets value; it takes no argument.
func (p *parser) flag(path string, value *bool) func() error {
	return func() error {
		p.mark(path)
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
