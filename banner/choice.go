package banner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/enforcer"
	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// maxBody is the longest body that is read, in bytes.
const maxBody = 16 << 10

// maxIDs bounds the grants and objections of one choice.
const maxIDs = policy.MaxServices + policy.MaxCategories

// form is what POST <path>/choice takes.
type form struct {
	Choice string   `json:"choice"` // accept_all, refuse_all, save or allow
	Grant  []string `json:"grant"`  // category or service ids
	Object []string `json:"object"` // exempt categories
	Return string   `json:"return"` // a path on this site
	Lang   string   `json:"lang"`
}

// choose stores a choice and sends the visitor back.
func (p *Pages) choose(w http.ResponseWriter, r *http.Request, v *enforcer.Visit, cookies []string, mayGrant func() bool) error {
	f, choice, err := p.decide(r, v, mayGrant)
	if err != nil {
		var e refusal
		if !errors.As(err, &e) {
			return err
		}
		return p.fail(w, r, v, f.Lang, e)
	}
	granted, answered, stored := v.Standing.Grants, p.answer(v, f, &choice), http.Header{}
	err = v.Store(stored, &choice)
	if err == nil || !choice.Grants() { // what cannot be stored is not proven either
		err = p.prove(r.Context(), answered)
	}
	if err != nil && choice.Grants() {
		return p.fail(w, r, v, f.Lang, refusal{status: http.StatusServiceUnavailable})
	}
	h := w.Header()
	h["Set-Cookie"] = append(h["Set-Cookie"], stored["Set-Cookie"]...)
	if p.config.Counted != nil {
		p.config.Counted(answered)
	}
	v.Choose(choice, cookies)
	v.Expire(h)
	stale := `"prefetchCache", "prerenderCache"` // pages fetched ahead, before the choice
	if !v.Standing.Grants.Covers(&granted) {
		stale += `, "cache"` // and those that would come back alive with what is withdrawn
	}
	h.Set("Clear-Site-Data", stale)
	if speaksJSON(r) {
		return p.sendJSON(w, r, p.state(v))
	}
	path, fragment := wayBack(f.Return)
	if f.Choice != "allow" || fragment == "" {
		fragment = "cookie-consent-saved"
	}
	h.Set("Location", path+"#"+fragment)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// decide checks a request and returns the choice it makes. What it refuses is a
// refusal. A choice that grants nothing passes whatever else is in doubt about
// its sender, but for a browser's word that another site made it.
func (p *Pages) decide(r *http.Request, v *enforcer.Visit, mayGrant func() bool) (form, policy.Choice, error) {
	var none policy.Choice
	if err := p.origins.Check(r); err != nil {
		return form{}, none, refusal{status: http.StatusForbidden, detail: "cross-origin request"}
	}
	f, err := readForm(r)
	if err != nil {
		return f, none, err
	}
	choice, err := p.apply(f, v.Standing.Choice)
	if err != nil {
		return f, none, refusal{status: http.StatusBadRequest, detail: err.Error()}
	}
	if !choice.Grants() {
		return f, choice, nil
	}
	if r.Header.Get("Origin") == "" && r.Header.Get("Sec-Fetch-Site") == "" {
		return f, none, refusal{status: http.StatusForbidden, detail: "a grant needs the header Origin or Sec-Fetch-Site"}
	}
	if !mayGrant() {
		return f, none, refusal{status: http.StatusTooManyRequests}
	}
	return f, choice, nil
}

func (p *Pages) apply(f form, previous policy.Choice) (policy.Choice, error) {
	switch now := p.now(); f.Choice {
	case "accept_all":
		return p.config.Policy.AcceptAll(now), nil
	case "refuse_all":
		return p.config.Policy.RefuseAll(previous, now), nil
	case "save":
		return p.config.Policy.Save(f.Grant, f.Object, now)
	case "allow":
		if len(f.Grant) == 0 {
			return previous, errors.New("allow needs a grant")
		}
		return p.config.Policy.Allow(previous, f.Grant, now)
	}
	return previous, fmt.Errorf("choice: %.40q is not accept_all, refuse_all, save or allow", f.Choice)
}

// readForm reads the body as a form or as JSON with the same names.
func readForm(r *http.Request) (form, error) {
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mediaType != "application/x-www-form-urlencoded" && !isJSON(mediaType) {
		return form{}, refusal{status: http.StatusUnsupportedMediaType, detail: "application/x-www-form-urlencoded or application/json is needed"}
	}
	body, err := readBody(r)
	if err != nil {
		return form{}, err
	}
	f := form{}
	if isJSON(mediaType) {
		err = json.Unmarshal(body, &f)
	} else {
		var fields url.Values
		fields, err = url.ParseQuery(string(body))
		f = form{fields.Get("choice"), fields["grant"], fields["object"], fields.Get("return"), fields.Get("lang")}
	}
	if err == nil && len(f.Grant)+len(f.Object) > maxIDs {
		err = errors.New("too many ids")
	}
	if err != nil {
		return form{}, refusal{status: http.StatusBadRequest, detail: "malformed body"}
	}
	return f, nil
}

// readBody reads a body that is not too long. What it refuses is a refusal.
func readBody(r *http.Request) ([]byte, error) {
	tooLong := refusal{status: http.StatusRequestEntityTooLarge, detail: "at most 16 KiB"}
	if r.ContentLength > maxBody {
		return nil, tooLong
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, refusal{status: http.StatusBadRequest, detail: "the body could not be read"}
	case len(body) > maxBody:
		return nil, tooLong
	}
	return body, nil
}

func isJSON(mediaType string) bool {
	mediaType, _, _ = mime.ParseMediaType(mediaType)
	return mediaType == "application/json"
}

// describePolicy is what GET <path>/policy.json answers: the declaration that is
// enforced, for machines.
func (p *Pages) describePolicy() any {
	type cookie struct {
		Name     string `json:"name"`
		Lifetime *int64 `json:"lifetime"` // seconds; 0: session, null: not declared
		SetBy    string `json:"set_by,omitempty"`
	}
	type key struct {
		Area string `json:"area"` // local or session
		Key  string `json:"key"`
	}
	type service struct {
		ID       string        `json:"id"`
		Provider string        `json:"provider,omitempty"`
		Purpose  policy.Text   `json:"purpose,omitempty"`
		Ground   policy.Ground `json:"ground,omitempty"`
		Policy   string        `json:"policy,omitempty"`
		Country  string        `json:"country,omitempty"`
		Cookies  []cookie      `json:"cookies"`
		Storage  []key         `json:"storage"`
		Hosts    []string      `json:"hosts"`
	}
	type category struct {
		ID       string    `json:"id"`
		Consent  string    `json:"consent"`          // no, yes, or object
		Digest   string    `json:"digest,omitempty"` // of what a grant covers
		Services []service `json:"services"`
	}
	declared := p.config.Policy
	describe := func(i int) service {
		s := &declared.Services[i]
		d := service{
			ID: s.ID, Provider: s.Provider, Purpose: s.Purpose, Ground: s.Ground, Policy: s.PolicyURL, Country: s.Country,
			Cookies: []cookie{}, Storage: []key{}, Hosts: slices.Concat([]string{}, s.Hosts),
		}
		for _, k := range s.Storage {
			d.Storage = append(d.Storage, key{k.Area, k.Key})
		}
		for _, c := range s.Cookies {
			d.Cookies = append(d.Cookies, cookie{c.Name, seconds(c.Lifetime), c.ThirdParty})
		}
		return d
	}
	necessary := category{ID: policy.Necessary, Consent: "no", Services: []service{}}
	for i, s := range declared.Services {
		if s.Category == policy.Necessary {
			necessary.Services = append(necessary.Services, describe(i))
		}
	}
	categories := []category{necessary}
	for _, purpose := range declared.Active {
		c := category{ID: purpose.ID, Consent: "yes", Digest: fmt.Sprintf("%x", purpose.Digest)}
		if purpose.Exempt {
			c.Consent, c.Digest = "object", ""
		}
		for _, i := range purpose.Order {
			c.Services = append(c.Services, describe(i))
		}
		categories = append(categories, c)
	}
	return map[string]any{
		"revision": declared.Revision, "controller": declared.Controller,
		"preference_cookie": declared.Preference.Name, "categories": categories,
		"first_party": slices.Concat([]string{}, declared.FirstParty),
	}
}

func seconds(l policy.Lifetime) *int64 {
	switch {
	case l == 0:
		return nil
	case l == policy.Session:
		return new(int64)
	}
	n := int64(l) / 1e9
	return &n
}
