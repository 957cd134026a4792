package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// marks are what a text has filled in, such as {site}.
var marks = regexp.MustCompile(`\{[^{}]*\}`)

// meta are the keys of a table of texts that speak of the table.
var meta = []string{"reviewed_by", "dir", "self", "date"}

// evasions are what a label that refuses everything may not say, as a
// refusal under another name.
var evasions = []string{
	"essentiel", "essential", "paramétr", "parametr", "setting", "préférence", "preference", "personnalis", "customi",
	"plus tard", "later", "savoir plus", "learn more", "continu",
}

// checkTexts finds the first mistake in the texts that the site replaces.
func (s *Site) checkTexts(texts map[string]map[string]string) error {
	known := slices.Sorted(maps.Keys(texts))
	for _, key := range slices.Sorted(maps.Keys(s.Banner.Texts)) {
		path := "banner.texts." + key
		if err := checkText(path, s.Banner.Texts[key], known); err != nil {
			return err
		}
		for _, language := range slices.Sorted(maps.Keys(s.Banner.Texts[key])) {
			original, ok := texts[language][key]
			if !ok || slices.Contains(meta, key) {
				return problem(path, "there is no text %q in %q; see banner/texts for their names", key, language)
			}
			text := s.Banner.Texts[key][language]
			for _, mark := range marks.FindAllString(text, -1) {
				if !strings.Contains(original, mark) {
					return problem(path+"."+language, "%s is not filled in here; the text it replaces is %q", mark, original)
				}
			}
		}
	}
	return s.checkAnswers(texts)
}

// checkAnswers reports a label that does not say what its button does.
func (s *Site) checkAnswers(texts map[string]map[string]string) error {
	for _, language := range s.Languages {
		label := func(key string) string {
			if text := s.Banner.Texts[key][language]; text != "" {
				return text
			}
			return texts[language][key]
		}
		refuse := label("refuse_all")
		for _, evasion := range evasions {
			if strings.Contains(strings.ToLower(refuse), evasion) {
				return problem("banner.texts.refuse_all."+language, "%q does not say that everything is refused: %q may not be in it (R-1.5)", refuse, evasion)
			}
		}
		if strings.EqualFold(refuse, label("accept_all")) {
			return problem("banner.texts.refuse_all."+language, "accepting and refusing are both called %q (R-1.5)", refuse)
		}
	}
	return nil
}

// Texts returns the texts that the site replaces, by key.
func (s *Site) Texts() map[string]policy.Text {
	texts := map[string]policy.Text{}
	for key, text := range s.Banner.Texts {
		texts[key] = policy.Text(text)
	}
	return texts
}
