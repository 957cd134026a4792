// Package banner asks and informs: the banner in the site's pages, the charter
// with the preference form, and the endpoints they post to.
//
// All of it is rendered by the server from one policy and works without script.
// Accepting and refusing come out of one loop, so they cannot differ. Whether a
// cookie passes is decided elsewhere.
package banner

import (
	"embed"
	"encoding/json"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

//go:embed texts/*.json
var textFiles embed.FS

// texts holds every text by language and key.
var texts = loadTexts()

func loadTexts() map[string]map[string]string {
	all := map[string]map[string]string{}
	files, err := textFiles.ReadDir("texts")
	if err != nil {
		panic(err) // embedded
	}
	for _, file := range files {
		data, err := textFiles.ReadFile(path.Join("texts", file.Name()))
		if err != nil {
			panic(err)
		}
		var table map[string]string
		if err := json.Unmarshal(data, &table); err != nil {
			panic(fmt.Sprintf("%s: %v", file.Name(), err))
		}
		all[strings.TrimSuffix(file.Name(), ".json")] = table
	}
	return all
}

// Texts returns all texts by language and key. They must not be changed.
func Texts() map[string]map[string]string { return texts }

// languages chooses among those a site offers; the first is the default.
type languages struct {
	offered []string
	matcher language.Matcher
}

func newLanguages(offered []string) languages {
	tags := make([]language.Tag, len(offered))
	for i, tag := range offered {
		tags[i] = language.Make(tag)
	}
	return languages{offered, language.NewMatcher(tags)}
}

// choose returns the language of the page if it is offered, else what the
// visitor prefers (an Accept-Language value), else the default.
func (l *languages) choose(page, accept string) string {
	if slices.Contains(l.offered, page) {
		return page
	}
	for _, wanted := range []string{page, accept} {
		tags, _, err := language.ParseAcceptLanguage(wanted)
		if err != nil || len(tags) == 0 {
			continue
		}
		if _, i, confidence := l.matcher.Match(tags...); confidence > language.Low {
			return l.offered[i]
		}
	}
	return l.offered[0]
}

// voice speaks one language for one site.
type voice struct {
	Lang     string
	fallback string                 // the site's first language
	own      map[string]policy.Text // texts of the site's own, by key
	texts    map[string]string
}

// Dir is the direction in which the language is written: ltr or rtl.
func (v voice) Dir() string { return v.texts["dir"] }

// text returns the text called key, the site's own or ours; empty without one.
func (v voice) text(key string) string {
	if text := v.own[key][v.Lang]; text != "" {
		return text
	}
	return v.texts[key]
}

// T returns the text called key, with pairs of {name}, value replaced in it.
func (v voice) T(key string, pairs ...string) string {
	text := v.text(key)
	if text == "" {
		return key
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		text = strings.ReplaceAll(text, "{"+pairs[i]+"}", pairs[i+1])
	}
	return text
}

// pluralForms are the names of CLDR's plural categories, which end a key.
var pluralForms = map[plural.Form]string{
	plural.Zero: "_zero", plural.One: "_one", plural.Two: "_two", plural.Few: "_few", plural.Many: "_many", plural.Other: "_other",
}

// N returns the text called key for a number.
func (v voice) N(key string, n int) string {
	form := key + pluralForms[plural.Cardinal.MatchPlural(language.Make(v.Lang), n, 0, 0, 0, 0)]
	if v.text(form) == "" {
		form = key + "_other"
	}
	return v.T(form, "n", strconv.Itoa(n))
}

// Date writes a day as the language does.
func (v voice) Date(unix int64) string {
	t := time.Unix(unix, 0).UTC()
	return v.T("date", "year", t.Format("2006"), "month", t.Format("01"), "day", t.Format("02"))
}

// Of returns a text of the site's own.
func (v voice) Of(t policy.Text) string {
	if text := t[v.Lang]; text != "" {
		return text
	}
	return t[v.fallback]
}

// Name returns the title of a category.
func (v voice) Name(c policy.Category) string {
	if text := v.Of(c.Name); text != "" {
		return text
	}
	return v.T("category." + c.ID)
}

// Description returns the one line that explains a category.
func (v voice) Description(c policy.Category) string {
	if text := v.Of(c.Description); text != "" {
		return text
	}
	return v.text("category." + c.ID + ".description")
}

// Lifetime says how long something is kept, in the largest unit that fits.
func (v voice) Lifetime(l policy.Lifetime) string {
	const day = 24 * time.Hour
	switch d := time.Duration(l); {
	case l == 0:
		return v.T("lifetime.none")
	case l == policy.Session:
		return v.T("lifetime.session")
	case d >= 60*day && nearMonths(d) > 0:
		return v.N("lifetime.months", nearMonths(d))
	case d >= 2*day || d == day:
		return v.N("lifetime.days", int(math.Ceil(float64(d)/float64(day))))
	case d >= 2*time.Hour || d == time.Hour:
		return v.N("lifetime.hours", int(math.Ceil(d.Hours())))
	case d >= time.Minute:
		return v.N("lifetime.minutes", int(math.Ceil(d.Minutes())))
	default:
		return v.N("lifetime.seconds", int(math.Ceil(d.Seconds())))
	}
}

// nearMonths returns the number of months that d is meant to be, or 0 when it is
// not within a day and a half of one.
func nearMonths(d time.Duration) int {
	const month = 365.25 / 12
	days := d.Hours() / 24
	if n := math.Round(days / month); math.Abs(days-n*month) <= 1.5 || math.Abs(days-n*30) < 0.01 {
		return int(n)
	}
	return 0
}
