package audit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/chromedp/chromedp"
)

// Script logs in before the site is audited. It is text, one step a line:
//
//	# a comment
//	open  /login                             goes to a URL, relative to the one audited
//	fill  input[name=user] alice             types into the field that SELECTOR finds
//	fill  "#pass word" {env.AUDIT_PASSWORD}  {env.NAME} is a variable of the environment
//	click button[type=submit]                clicks, and waits for what that leads to
//	wait  .account                           waits until SELECTOR finds something visible
//
// A SELECTOR is CSS; one with blanks stands between double quotes in fill. The value
// of fill is the rest of the line. No value is ever printed.
type Script struct{ steps []scriptStep }

type scriptStep struct {
	line   int
	verb   string
	target string // URL or selector
	value  string
}

var variable = regexp.MustCompile(`\{env\.([A-Za-z_][A-Za-z0-9_]*)\}`)

// ParseScript reads a login script. Errors name the line, never a value.
func ParseScript(r io.Reader) (*Script, error) {
	s := &Script{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		step, err := parseStep(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		step.line = n
		s.steps = append(s.steps, step)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the login script: %w", err)
	}
	if len(s.steps) == 0 {
		return nil, errors.New("the login script has no step")
	}
	return s, nil
}

func parseStep(line string) (scriptStep, error) {
	verb, rest := cutBlank(line)
	step := scriptStep{verb: verb}
	switch verb {
	case "open", "click", "wait":
		if step.target = unquote(rest); step.target == "" {
			return step, fmt.Errorf("%s needs %s", verb, map[bool]string{true: "a URL", false: "a selector"}[verb == "open"])
		}
	case "fill":
		var err error
		if step.target, step.value, err = splitFill(rest); err != nil {
			return step, err
		}
	default:
		return step, fmt.Errorf("unknown step %q; there are open, fill, click and wait", verb)
	}
	return step, nil
}

// splitFill takes a selector, and the value behind it.
func splitFill(rest string) (selector, value string, err error) {
	if quoted, ok := strings.CutPrefix(rest, `"`); ok {
		end := strings.Index(quoted, `"`)
		if end < 0 {
			return "", "", errors.New("the selector of fill has no closing quote")
		}
		selector, value = quoted[:end], strings.TrimSpace(quoted[end+1:])
	} else {
		selector, value = cutBlank(rest)
	}
	if selector == "" || value == "" {
		return "", "", errors.New("fill needs a selector and a value")
	}
	return selector, value, nil
}

func cutBlank(s string) (first, rest string) {
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], strings.TrimSpace(s[i:])
	}
	return s, ""
}

func unquote(s string) string {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// Check reports variables that the script needs and the environment lacks.
func (s *Script) Check() error {
	for _, step := range s.steps {
		for _, name := range variable.FindAllStringSubmatch(step.value, -1) {
			if _, set := os.LookupEnv(name[1]); !set {
				return fmt.Errorf("line %d: the environment has no %s", step.line, name[1])
			}
		}
	}
	return nil
}

// run logs in.
func (s *Script) run(t *tab, base *url.URL) error {
	for _, step := range s.steps {
		if err := step.run(t, base); err != nil {
			return fmt.Errorf("login script, line %d: %w", step.line, err)
		}
	}
	t.settle()
	return nil
}

func (s scriptStep) run(t *tab, base *url.URL) error {
	ctx, cancel := context.WithTimeout(t.Context, t.bound)
	defer cancel()
	selector := chromedp.CSS(s.target)
	var err error
	switch s.verb {
	case "open":
		u, parse := base.Parse(s.target)
		if parse != nil {
			return errors.New("the URL cannot be read")
		}
		p := t.visit(u.String())
		if p.Problem != "" {
			err = errors.New(p.Problem)
		} else if p.Status >= 400 {
			err = fmt.Errorf("status %d", p.Status)
		}
		return err
	case "fill":
		value := variable.ReplaceAllStringFunc(s.value, func(v string) string { return os.Getenv(v[len("{env.") : len(v)-1]) })
		err = chromedp.Do(ctx, chromedp.WaitVisible(selector), chromedp.Clear(selector), chromedp.SendKeys(selector, value))
	case "click":
		if err = chromedp.Do(ctx, chromedp.WaitVisible(selector), chromedp.Click(selector)); err == nil {
			t.settle()
		}
	case "wait":
		err = chromedp.Do(ctx, chromedp.WaitVisible(selector))
	}
	if err != nil { // errors of the library may hold what was typed
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("%s: nothing visible matches %q in time", s.verb, s.target)
		}
		return fmt.Errorf("%s %q does not work", s.verb, s.target)
	}
	return nil
}
