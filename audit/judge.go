package audit

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// judge compares what was seen with what was declared, and finds what is wrong.
func (a *auditor) judge() {
	r := a.report
	r.Declared = a.Declaration != nil
	things := map[string]*Thing{}
	for i := range r.Passes {
		a.gather(&r.Passes[i], things)
	}
	for _, t := range things {
		r.Things = append(r.Things, *t)
	}
	slices.SortFunc(r.Things, func(x, y Thing) int {
		return cmp.Or(order(x.Kind)-order(y.Kind), cmp.Compare(x.Host, y.Host), cmp.Compare(x.Name, y.Name))
	})
	for i := range r.Things {
		a.judgeThing(&r.Things[i])
	}
	a.judgeLayer()
	for i := range r.Passes {
		a.judgeAttributes(&r.Passes[i])
		a.judgePages(&r.Passes[i])
	}
	r.Findings = slices.CompactFunc(r.Findings, func(x, y Finding) bool { return x == y })
	slices.SortStableFunc(r.Findings, func(x, y Finding) int { return rank(x.Severity) - rank(y.Severity) })
}

func order(k Kind) int {
	return slices.Index([]Kind{KindCookie, KindLocal, KindSession, KindIndexed, KindHost}, k)
}

func rank(s Severity) int { return slices.Index([]Severity{Error, Warning, Note}, s) }

// find adds a finding.
func (a *auditor) find(f Finding) { a.report.Findings = append(a.report.Findings, f) }

// gather adds what a pass saw to the things.
func (a *auditor) gather(v *PassVisit, things map[string]*Thing) {
	at := func(kind Kind, name, host, path, page string) (*Thing, *Presence) {
		key := string(kind) + "\x00" + name + "\x00" + host
		if kind == KindHost {
			key += "\x00" + a.serviceOf(host, path)
		}
		t := things[key]
		if t == nil {
			t = a.describe(kind, name, host, path)
			things[key] = t
		}
		p := t.Seen[v.Pass]
		if p == nil {
			p = &Presence{Page: page}
			t.Seen[v.Pass] = p
		}
		return t, p
	}
	for _, c := range v.Cookies {
		if !c.Stored && c.Sent == 0 {
			continue
		}
		t, p := at(KindCookie, c.Name, c.Domain, "", c.Page)
		p.Stored, p.Sent = p.Stored || c.Stored, p.Sent+c.Sent
		t.Lifetime = max(t.Lifetime, c.Lifetime)
	}
	for _, s := range v.Storage {
		_, p := at(s.Kind, s.Name, s.Origin, "", s.Page)
		p.Stored = true
	}
	for _, r := range v.Requests {
		path := "/"
		if u, err := url.Parse(r.URL); err == nil {
			path = u.Path
		}
		_, p := at(KindHost, r.Host, r.Host, path, r.Page)
		if r.Blocked != "" {
			p.Blocked += r.Count
		} else {
			p.Sent += r.Count
		}
	}
}

// serviceOf tells apart the services of one host, which may have several by path.
func (a *auditor) serviceOf(host, path string) string {
	if a.Declaration == nil {
		return ""
	}
	fact, _ := a.Declaration.Host(host, path)
	return fact.Service
}

// describe says what a thing is, as declared or guessed.
func (a *auditor) describe(kind Kind, name, host, path string) *Thing {
	t := &Thing{Kind: kind, Name: name, Host: host, DeclaredLifetime: -1, Seen: map[Pass]*Presence{}}
	var fact Fact
	if a.Declaration != nil {
		switch kind {
		case KindCookie:
			fact, t.Declared = a.Declaration.Cookie(name, host)
		case KindHost:
			fact, t.Declared = a.Declaration.Host(host, path)
		default:
			fact, t.Declared = a.Declaration.Storage(kind, name, host)
		}
	}
	if t.Declared {
		t.Service, t.Category, t.Exempt = fact.Service, fact.Category, fact.Exempt
		if fact.Lifetime < 0 {
			t.DeclaredLifetime = 0
		} else if fact.Lifetime > 0 {
			t.DeclaredLifetime = int64(fact.Lifetime / time.Second)
		}
		return t
	}
	t.Guessed = true
	if a.Hint != nil {
		hintHost := host
		if strings.Contains(host, "://") {
			hintHost = hostOf(host)
		}
		t.Service, t.Category = a.Hint(kind, name, hintHost)
	}
	if a.Declaration == nil && t.Category == "" {
		if purpose := guessNecessary(kind, name); purpose != "" {
			t.Service, t.Category = purpose, "necessary"
		}
	}
	t.Exempt = a.Declaration == nil && t.Category == "necessary"
	return t
}

// judgeThing finds what is wrong with a thing.
func (a *auditor) judgeThing(t *Thing) {
	for _, pass := range Passes {
		p := t.Seen[pass]
		if t.Exempt || pass.consented() || !p.there() {
			continue
		}
		f := Finding{Severity: Error, Pass: pass, Kind: t.Kind, Name: t.Name, Host: t.Host, Page: p.Page}
		switch {
		case t.Kind == KindHost:
			f.Rule = HostRequested
			if a.Declaration == nil && t.Category == "" {
				f.Severity = Warning // some hosts only deliver fonts or scripts of the site
			}
			f.Text = fmt.Sprintf("%s is requested %s%s", t.Name, pass.Title(), t.belongs())
		case p.Sent > 0:
			f.Rule = CookieSent
			f.Text = fmt.Sprintf("The cookie %s of %s is sent %s, with %s%s", t.Name, t.Host, pass.Title(), count(p.Sent, "request"), t.belongs())
		default:
			f.Rule = CookieStored
			f.Text = fmt.Sprintf("The %s %s of %s is stored %s%s", noun(t.Kind), t.Name, t.Host, pass.Title(), t.belongs())
		}
		a.find(f)
	}
	f := Finding{Kind: t.Kind, Name: t.Name, Host: t.Host, Severity: Warning}
	if !t.Declared && a.Declaration != nil {
		f.Rule, f.Text = Undeclared, fmt.Sprintf("The %s %s of %s is not declared", noun(t.Kind), t.Name, t.Host)
		a.find(f)
	}
	const slack = 120 // seconds between the answer and the look
	if t.DeclaredLifetime >= 0 && t.Lifetime > t.DeclaredLifetime+slack {
		f.Rule = LongerThanSaid
		f.Text = fmt.Sprintf("The cookie %s of %s lives %s, declared are %s", t.Name, t.Host, span(t.Lifetime), span(t.DeclaredLifetime))
		a.find(f)
	}
	if t.Lifetime > thirteenMonths+int64(24*time.Hour/time.Second) {
		f.Rule = TooLong
		f.Text = fmt.Sprintf("The cookie %s of %s lives %s, longer than 13 months", t.Name, t.Host, span(t.Lifetime))
		a.find(f)
	}
}

// thirteenMonths is the longest life of an audience-measurement cookie, in seconds
// (CNIL guidelines of 17 September 2020, section 51).
const thirteenMonths = 395 * 24 * 3600

// belongs says whose a thing is, as the end of a sentence.
func (t *Thing) belongs() string {
	switch {
	case t.Declared:
		return fmt.Sprintf("; it belongs to %s (%s)", t.Service, t.Category)
	case t.Service != "":
		return fmt.Sprintf("; not declared, likely %s", strings.TrimSuffix(t.Service+" ("+t.Category+")", " ()"))
	}
	return "; not declared"
}

func noun(k Kind) string {
	return map[Kind]string{
		KindCookie: "cookie", KindLocal: "localStorage key", KindSession: "sessionStorage key",
		KindIndexed: "database", KindHost: "third party",
	}[k]
}

// judgeLayer finds what is wrong with the way in which visitors are asked.
func (a *auditor) judgeLayer() {
	l, needs := a.report.Layer, a.needsConsent()
	if l.Accept == "" && l.Refuse == "" {
		if needs {
			a.find(Finding{Rule: NoControl, Severity: Warning, Text: "Something on the site needs consent, and no control to give or refuse it was found"})
		} else {
			a.find(Finding{Rule: NoControl, Severity: Note, Text: "No consent control was found; nothing was seen that needs one"})
		}
		return
	}
	if l.Accept != "" && l.Refuse == "" {
		a.find(Finding{Rule: NoRefusal, Severity: Error, Text: fmt.Sprintf("The first layer offers %q and no refusal beside it", l.Accept)})
	}
	if l.AcceptClicks > 0 && l.RefuseClicks > l.AcceptClicks {
		a.find(Finding{Rule: MoreClicks, Severity: Error, Text: fmt.Sprintf("Refusing takes %s, accepting %s", count(l.RefuseClicks, "click"), count(l.AcceptClicks, "click"))})
	}
	if l.PreTicked > 0 {
		a.find(Finding{Rule: PreTicked, Severity: Error, Text: fmt.Sprintf("%s ticked beforehand", count(l.PreTicked, "box was", "boxes were"))})
	}
	if v := a.report.Pass(Withdrawn); l.Accept != "" && v != nil && v.Problem == errNoWithdraw.Error() {
		a.find(Finding{Rule: NoWithdrawal, Severity: Error, Pass: Withdrawn, Text: "No way to withdraw consent was found"})
	}
}

// needsConsent reports whether anything was seen that is not exempt.
func (a *auditor) needsConsent() bool {
	return slices.ContainsFunc(a.report.Things, func(t Thing) bool { return !t.Exempt })
}

// judgeAttributes finds cookies whose attributes are wrong.
func (a *auditor) judgeAttributes(v *PassVisit) {
	for _, c := range v.Cookies {
		f := Finding{Severity: Warning, Kind: KindCookie, Name: c.Name, Host: c.Domain, Page: c.Page}
		switch {
		case c.SameSite == "None" && !c.Secure:
			f.Rule, f.Text = NoneNotSecure, fmt.Sprintf("The cookie %s of %s is SameSite=None without Secure; browsers drop it", c.Name, c.Domain)
		case a.report.HTTPS && c.Stored && !c.Secure && !c.ThirdParty:
			f.Rule, f.Text = NotSecure, fmt.Sprintf("The cookie %s of %s is not Secure on an HTTPS site", c.Name, c.Domain)
		default:
			continue
		}
		if !slices.ContainsFunc(a.report.Findings, func(g Finding) bool { return g.Rule == f.Rule && g.Text == f.Text }) {
			a.find(f)
		}
	}
}

// judgePages finds what could not be visited.
func (a *auditor) judgePages(v *PassVisit) {
	if !v.Done() {
		severity := Warning
		if a.report.Layer.Accept == "" && a.report.Layer.Refuse == "" {
			severity = Note // said once already
		}
		a.find(Finding{Rule: NotMade, Severity: severity, Pass: v.Pass, Text: fmt.Sprintf("The site could not be visited %s: %s", v.Pass.Title(), v.Problem)})
	}
	for _, p := range v.Pages {
		if p.Problem != "" {
			a.find(Finding{Rule: PageFailed, Severity: Warning, Pass: v.Pass, Page: p.URL, Text: fmt.Sprintf("%s cannot be visited %s: %s", p.URL, v.Pass.Title(), p.Problem)})
		} else if p.Status >= 400 {
			a.find(Finding{Rule: PageFailed, Severity: Note, Pass: v.Pass, Page: p.URL, Text: fmt.Sprintf("%s answers %d %s", p.URL, p.Status, v.Pass.Title())})
		}
	}
}

// count writes a number with its noun; the second of several is its plural.
func count(n int, nouns ...string) string {
	switch {
	case n == 1:
		return "1 " + nouns[0]
	case len(nouns) > 1:
		return fmt.Sprintf("%d %s", n, nouns[1])
	}
	return fmt.Sprintf("%d %ss", n, nouns[0])
}

// span writes a lifetime in seconds for people.
func span(seconds int64) string {
	const minute, hour, day = 60, 3600, 86400
	switch {
	case seconds < 0:
		return "not declared"
	case seconds == 0:
		return "session"
	case seconds < 2*minute:
		return count(int(seconds), "second")
	case seconds < 2*hour:
		return count(int((seconds+minute/2)/minute), "minute")
	case seconds < 2*day:
		return count(int((seconds+hour/2)/hour), "hour")
	}
	return count(int((seconds+day/2)/day), "day")
}
