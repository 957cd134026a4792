package config

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
)

//go:embed presets.json
var presetData []byte

// Preset is what one jurisdiction asks of a site: defaults, and a floor for each
// setting that can be set below it. All are opt-in.
type Preset struct {
	ID      string `json:"id"`
	Version string `json:"version"` // day of the rules it follows
	Name    string `json:"name"`    // as the charter names it
	// ChoiceLifetime is the default for the lifetime of a choice.
	ChoiceLifetime caddy.Duration `json:"choice_lifetime"`
	// Cross puts a cross on the banner that refuses everything.
	Cross  bool    `json:"cross"`
	Floors []Floor `json:"floors"`
}

// Floor is the least that a rule asks of a setting.
type Floor struct {
	Setting string         `json:"setting"`
	Words   []string       `json:"words"` // that it may be
	Least   caddy.Duration `json:"least"`
	Most    caddy.Duration `json:"most"`
	Says    string         `json:"says"` // what a setting below it means
	Rule    string         `json:"rule"` // such as
	Source  string         `json:"source"`
}

// presets are all there are.
var presets = func() (all []Preset) {
	if err := json.Unmarshal(presetData, &all); err != nil {
		panic(err) // embedded
	}
	return all
}()

// PresetOf returns the preset called id, that of France if there is none.
func PresetOf(id string) *Preset {
	return &presets[max(0, slices.IndexFunc(presets, func(p Preset) bool { return p.ID == id }))]
}

// presetIDs lists the ids there are.
func presetIDs() (ids []string) {
	for _, p := range presets {
		ids = append(ids, p.ID)
	}
	return ids
}

// belowFloor reports each setting of s that is below what its preset asks.
func (s *Site) belowFloor(warn func(format string, args ...any)) {
	preset := PresetOf(s.Preset)
	for _, floor := range preset.Floors {
		for path, value := range s.settings(floor.Setting) {
			says, below := floor.below(value)
			if below {
				warn("%s: %s (preset %s; %s, %s)", path, says, preset.ID, floor.Rule, floor.Source)
			}
		}
	}
}

// settings returns the values of a setting by JSON path.
func (s *Site) settings(name string) map[string]any {
	values := map[string]any{}
	switch name {
	case "preference_cookie.lifetime":
		values[name] = s.PreferenceCookie.Lifetime
	case "undeclared_cookies":
		values[name] = s.UndeclaredCookies
	case "undeclared_hosts":
		values[name] = s.UndeclaredHosts
	case "global_privacy_control":
		values[name] = s.GlobalPrivacyControl
	case "no_transform":
		values[name] = s.NoTransform
	case "banner.show":
		values[name] = s.Banner.Show
	case "categories.exempt", "categories.exempt.data_retention":
		for i, c := range s.Categories {
			if c.Exempt == nil {
				continue
			}
			if path := fmt.Sprintf("categories[%d].exempt", i); strings.HasSuffix(name, "data_retention") {
				values[path+".data_retention"] = c.Exempt.DataRetention
			} else {
				values[path] = "yes"
			}
		}
	}
	return values
}

// below reports whether a value is below the floor, and what that means.
func (f *Floor) below(value any) (says string, below bool) {
	switch value := value.(type) {
	case string:
		return f.Says, !slices.Contains(f.Words, value)
	case caddy.Duration:
		days := strconv.FormatFloat(time.Duration(value).Hours()/24, 'g', 3, 64)
		return strings.ReplaceAll(f.Says, "{days}", days), f.Least > 0 && value < f.Least || f.Most > 0 && value > f.Most
	}
	return "", false
}
