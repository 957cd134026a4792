package config

import (
	"fmt"
	"html/template"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// themeNames are the properties a theme has. Those of colours have a second one
// with dark- before it, for visitors who prefer dark colours.
var themeNames = []string{"accent", "accent-text", "background", "text", "radius", "font"}

var (
	hexColour  = regexp.MustCompile(`^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$`)
	cssLength  = regexp.MustCompile(`^(0|[0-9]*\.?[0-9]+(px|rem|em))$`)
	fontFamily = regexp.MustCompile(`^[\p{L}0-9 ,_'"-]+$`)
)

// Contrasts that WCAG 2.2 asks for: of text (1.4.3), and of what shows where a
// button is (1.4.11).
const (
	textContrast = 4.5
	edgeContrast = 3
)

// checkTheme finds the first mistake in the theme, an unreadable one included
//
func (s *Site) checkTheme([]string) error {
	theme := s.Banner.Theme
	for _, name := range slices.Sorted(maps.Keys(theme)) {
		path, value := "banner.theme."+name, theme[name]
		plain, dark := strings.CutPrefix(name, "dark-")
		switch {
		case !slices.Contains(themeNames, plain) || dark && (plain == "radius" || plain == "font"):
			return problem(path, "a theme has no %q; known are: %s; colours also with dark- before them", name, strings.Join(themeNames, ", "))
		case plain == "radius":
			if !cssLength.MatchString(value) {
				return problem(path, "%q is no length such as 4px or 0.5rem", value)
			}
		case plain == "font":
			if !fontFamily.MatchString(value) || strings.Count(value, `"`)%2+strings.Count(value, "'")%2 > 0 {
				return problem(path, "%q is no list of fonts such as Marianne, sans-serif", value)
			}
		case !hexColour.MatchString(value):
			return problem(path, "%q is no colour such as \"#0055aa\"", value)
		}
	}
	for _, prefix := range []string{"", "dark-"} {
		if err := checkColours(theme, prefix); err != nil {
			return err
		}
	}
	return nil
}

// checkColours checks what stands on what, in light or in dark.
func checkColours(theme map[string]string, prefix string) error {
	of := func(name string) (value, path string) {
		if value := theme[prefix+name]; value != "" || prefix == "" {
			return value, prefix + name
		}
		return theme[name], name
	}
	background, backgroundPath := of("background")
	text, textPath := of("text")
	if (background == "") != (text == "") {
		path := backgroundPath
		if background == "" {
			path = textPath
		}
		return problem("banner.theme."+path, "set %sbackground and %stext together, so that one can be read on the other", prefix, prefix)
	}
	if background == "" {
		background = "#ffffff"
		if prefix != "" {
			return nil // the system's own, on which nothing of ours stands
		}
	}
	if text != "" {
		if got := contrast(text, background); got < textContrast {
			return problem("banner.theme."+textPath, "%s on %s has a contrast of %s, text needs at least 4.5:1 (WCAG 2.2 1.4.3, R-6.3)", text, background, ratio(got))
		}
	}
	accent, accentPath := of("accent")
	accentText, accentTextPath := of("accent-text")
	switch {
	case accent == "" && accentText != "":
		return problem("banner.theme."+accentTextPath, "accent-text stands on accent, which is not set")
	case accent == "":
		return nil
	case accentText != "" && contrast(accentText, accent) < textContrast:
		return problem("banner.theme."+accentTextPath, "%s on %s has a contrast of %s, text needs at least 4.5:1 (WCAG 2.2 1.4.3, R-6.3)", accentText, accent, ratio(contrast(accentText, accent)))
	case contrast(accent, background) < edgeContrast:
		return problem("banner.theme."+accentPath, "%s on %s has a contrast of %s, buttons need at least 3:1 (WCAG 2.2 1.4.11, R-6.3)", accent, background, ratio(contrast(accent, background)))
	}
	return nil
}

func ratio(contrast float64) string { return fmt.Sprintf("%.2f:1", math.Floor(contrast*100)/100) }

// contrast is the contrast ratio of two colours (WCAG 2.2), from 1 to 21.
func contrast(a, b string) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// luminance is the relative luminance of a colour (WCAG 2.2), from 0 to 1.
func luminance(colour string) float64 {
	digits := strings.TrimPrefix(colour, "#")
	if len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, _ := strconv.ParseUint(digits[2*i:2*i+2], 16, 8) // checked before
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

// Theme returns the theme as pairs of name and value, in the order of the names.
// Where the text on an accent is not set, it is black or white.
func (s *Site) Theme() [][2]string {
	theme := maps.Clone(s.Banner.Theme)
	for _, prefix := range []string{"", "dark-"} {
		accent := theme[prefix+"accent"]
		if accent == "" || theme[prefix+"accent-text"] != "" {
			continue
		}
		theme[prefix+"accent-text"] = "#ffffff"
		if contrast("#000000", accent) > contrast("#ffffff", accent) {
			theme[prefix+"accent-text"] = "#000000"
		}
	}
	var pairs [][2]string
	for _, name := range slices.Sorted(maps.Keys(theme)) {
		pairs = append(pairs, [2]string{name, theme[name]})
	}
	return pairs
}

// checkLook checks what else the site says of its banner's look.
func (s *Site) checkLook([]string) error {
	b := s.Banner
	if b.Hide != "" && !isSelector(b.Hide) {
		return problem("banner.hide", "%q is no CSS selector", b.Hide)
	}
	if sheet := b.Stylesheet; sheet != "" && (!strings.HasPrefix(sheet, "/") || strings.HasPrefix(sheet, "//") || strings.ContainsAny(sheet, " \t\r\n\"'<>\\")) {
		return problem("banner.stylesheet", "%q is no path on this site, such as /assets/consent.css", sheet)
	}
	if b.Template == "" {
		return nil
	}
	text, err := os.ReadFile(b.Template)
	if err != nil {
		return problem("banner.template", "%v", err)
	}
	if _, err := template.New("banner").Parse(string(text)); err != nil {
		return problem("banner.template", "%v", err)
	}
	return nil
}

// isSelector reports whether text can stand before a rule of a style sheet and
// nowhere else: it opens no rule, comment or tag, and closes what it opens.
func isSelector(text string) bool {
	if strings.TrimSpace(text) == "" || strings.ContainsAny(text, "{}<;@\\") || strings.Contains(text, "/*") {
		return false
	}
	var open []rune
	quote := rune(0)
	for _, c := range text {
		switch {
		case c < ' ':
			return false
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '(':
			open = append(open, ')')
		case c == '[':
			open = append(open, ']')
		case c == ')' || c == ']':
			if len(open) == 0 || open[len(open)-1] != c {
				return false
			}
			open = open[:len(open)-1]
		}
	}
	return quote == 0 && len(open) == 0
}
