package policy

import (
	"slices"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func site(t *testing.T) *Policy {
	return declared(t,
		service("necessary-login", "sessionid"), service("statistics-a", "a"), service("statistics-b", "b"),
		service("marketing-a", "m"), service("audience-a", "v"),
	)
}

func TestStates(t *testing.T) {
	p := site(t)
	refused, accepted := p.RefuseAll(Choice{}, now), p.AcceptAll(now)
	allowed, err := p.Allow(Choice{}, []string{"marketing-a"}, now)
	if err != nil {
		t.Fatal(err)
	}
	outdated := accepted
	outdated.Answers[0], outdated.Services = Unasked, outdated.Services.Minus(p.Active[0].Services)
	for _, row := range []struct {
		name    string
		choice  Choice
		gpc     bool
		state   State
		granted []string
	}{
		{"nothing was chosen", Choice{}, false, Unanswered, []string{"necessary", "audience"}},
		{"the browser objects", Choice{}, true, GPC, []string{"necessary", "audience"}},
		{"refused", refused, false, Answered, []string{"necessary", "audience"}},
		{"accepted", accepted, false, Answered, []string{"necessary", "statistics", "marketing", "audience"}},
		{"an explicit choice beats the signal", accepted, true, Answered, []string{"necessary", "statistics", "marketing", "audience"}},
		{"one service was allowed: the rest is still asked", allowed, false, Unanswered, []string{"necessary", "marketing", "audience"}},
		{"allowed under the signal", allowed, true, GPC, []string{"necessary", "marketing", "audience"}},
		{"a purpose changed: its grant alone is void", outdated, false, Outdated, []string{"necessary", "marketing", "audience"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := p.Judge(row.choice, row.gpc)
			if got := p.Granted(&s.Grants); s.State != row.state || !slices.Equal(got, row.granted) {
				t.Errorf("%s with %q, want %s with %q", s.State, got, row.state, row.granted)
			}
		})
	}
}

func TestSave(t *testing.T) {
	p := site(t)
	for _, row := range []struct {
		name          string
		grant, object []string
		granted       []string
		err           string
	}{
		{"a category", []string{"statistics"}, nil, []string{"necessary", "statistics", "audience"}, ""},
		{"a single service", []string{"statistics-a"}, nil, []string{"necessary", "audience", "statistics-a"}, ""},
		{"all services are the category", []string{"statistics-a", "statistics-b"}, nil, []string{"necessary", "statistics", "audience"}, ""},
		{"an objection", nil, []string{"audience"}, []string{"necessary"}, ""},
		{"what is exempt needs no grant", []string{"necessary", "audience", "necessary-login"}, nil, []string{"necessary", "audience"}, ""},
		{"an unknown id", []string{"zz"}, nil, nil, `grant: no category or service is called "zz"`},
		{"a category nothing belongs to", []string{"preferences"}, nil, nil, `grant: no category or service is called "preferences"`},
		{"an objection to what needs consent", nil, []string{"marketing"}, nil, `object: "marketing" is not a category of exempt measurement`},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := p.Save(row.grant, row.object, now)
			if err != nil || row.err != "" {
				if err == nil || err.Error() != row.err {
					t.Errorf("error %v, want %s", err, row.err)
				}
				return
			}
			s := p.Judge(c, false)
			if got := p.Granted(&s.Grants); s.State != Answered || !slices.Equal(got, row.granted) {
				t.Errorf("%s with %q, want %q", s.State, got, row.granted)
			}
			if got := p.Objected(&c); len(got) != len(row.object) {
				t.Errorf("objected %q, want %q", got, row.object)
			}
		})
	}
}

func TestRefusingKeepsAnObjection(t *testing.T) {
	p := site(t)
	objected, err := p.Save(nil, []string{"audience"}, now)
	if err != nil {
		t.Fatal(err)
	}
	refused, accepted := p.RefuseAll(objected, now), p.AcceptAll(now)
	if len(p.Objected(&refused)) != 1 || len(p.Objected(&accepted)) != 0 {
		t.Errorf("objected after refusing: %q, after accepting: %q", p.Objected(&refused), p.Objected(&accepted))
	}
}

func TestAllowProlongsNothing(t *testing.T) {
	p := site(t)
	c, err := p.Allow(p.RefuseAll(Choice{}, now), []string{"statistics-a"}, now.Add(time.Hour))
	if err != nil || c.Time != now.Unix() || c.Answers[0] != Partial {
		t.Errorf("%+v, %v: want the first choice's time and a partial answer", c, err)
	}
	if _, err := p.Allow(Choice{}, []string{"zz"}, now); err == nil {
		t.Error("an unknown id was allowed")
	}
}

func TestIntersect(t *testing.T) {
	p := site(t)
	accepted, refused := p.AcceptAll(now), p.RefuseAll(Choice{}, now.Add(time.Hour))
	some, err := p.Save([]string{"statistics-a"}, nil, now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name    string
		a, b    Choice
		granted []string
	}{
		{"accepted and refused", accepted, refused, []string{"necessary", "audience"}},
		{"accepted and partial", accepted, some, []string{"necessary", "audience", "statistics-a"}},
		{"accepted and one service allowed before", accepted, Choice{Time: 1, Services: some.Services}, []string{"necessary", "audience", "statistics-a"}},
	} {
		for _, c := range []Choice{row.a.Intersect(row.b), row.b.Intersect(row.a)} {
			s := p.Judge(c, false)
			if got := p.Granted(&s.Grants); !slices.Equal(got, row.granted) {
				t.Errorf("%s: %q, want %q", row.name, got, row.granted)
			}
			if c.Time != min(row.a.Time, row.b.Time) {
				t.Errorf("%s: it ends with the later one", row.name)
			}
		}
	}
}

func TestAllows(t *testing.T) {
	p := site(t)
	grants := granting(t, p, "statistics-a", "marketing")
	for id, want := range map[string]bool{
		"necessary": true, "necessary-login": true, "audience": true, "marketing": true, "marketing-a": true,
		"statistics-a": true, "statistics": false, "statistics-b": false, "zz": false, "preferences": false,
	} {
		if got := p.Allows(id, grants); got != want {
			t.Errorf("Allows(%q) = %v, want %v", id, got, want)
		}
	}
}

// Each row changes a declaration; asked tells whether who granted statistics is
// asked again.
func TestDigests(t *testing.T) {
	base := func() Declaration {
		return Declaration{
			Controller: "somebody",
			Categories: []Category{{ID: "statistics"}, {ID: "marketing"}},
			Services: []Service{
				{ID: "a", Category: "statistics", Provider: "A", Cookies: []Cookie{{Name: "x", Lifetime: 30 * day}, {Name: "y"}}, Hosts: []string{"a.example"}},
				{ID: "b", Category: "statistics"},
				{ID: "m", Category: "marketing"},
			},
		}
	}
	for _, row := range []struct {
		name   string
		change func(d *Declaration)
		asked  bool
	}{
		{"nothing", func(*Declaration) {}, false},
		{"texts", func(d *Declaration) {
			d.Services[0].Purpose, d.Categories[0].Name = Text{"fr": "autre"}, Text{"fr": "autre"}
		}, false},
		{"the order of services", func(d *Declaration) { d.Services[0], d.Services[1] = d.Services[1], d.Services[0] }, false},
		{"the order of cookies", func(d *Declaration) {
			c := d.Services[0].Cookies
			c[0], c[1] = c[1], c[0]
		}, false},
		{"the order of categories", func(d *Declaration) { slices.Reverse(d.Categories) }, false},
		{"a shorter lifetime", func(d *Declaration) { d.Services[0].Cookies[0].Lifetime = day }, false},
		{"a lifetime where there was none", func(d *Declaration) { d.Services[0].Cookies[1].Lifetime = day }, false},
		{"another purpose", func(d *Declaration) { d.Services[2].Hosts = []string{"m.example"} }, false},
		{"a longer lifetime", func(d *Declaration) { d.Services[0].Cookies[0].Lifetime = 90 * day }, true},
		{"one more cookie", func(d *Declaration) { d.Services[1].Cookies = []Cookie{{Name: "z", Lifetime: Session}} }, true},
		{"one cookie fewer", func(d *Declaration) { d.Services[0].Cookies = d.Services[0].Cookies[:1] }, true},
		{"one more host", func(d *Declaration) { d.Services[1].Hosts = []string{"b.example"} }, true},
		{"one more service", func(d *Declaration) { d.Services = append(d.Services, Service{ID: "c", Category: "statistics"}) }, true},
		{"another provider", func(d *Declaration) { d.Services[0].Provider = "B" }, true},
		{"another controller", func(d *Declaration) { d.Controller = "somebody else" }, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			before, err := New(base())
			if err != nil {
				t.Fatal(err)
			}
			d := base()
			row.change(&d)
			after, err := New(d)
			if err != nil {
				t.Fatal(err)
			}
			old, changed := statistics(before), statistics(after)
			asked := old.Digest != changed.Digest || changed.Days > old.Days
			if asked != row.asked || old.Key != changed.Key {
				t.Errorf("asked again: %v, want %v", asked, row.asked)
			}
		})
	}
}

func statistics(p *Policy) *Purpose {
	return p.Active[slices.IndexFunc(p.Active, func(p *Purpose) bool { return p.ID == "statistics" })]
}

func TestRevisionChangesWithTexts(t *testing.T) {
	a := declared(t, service("statistics-a"))
	b := declared(t, Service{ID: "statistics-a", Category: "statistics", Purpose: Text{"fr": "x"}})
	if a.Revision == b.Revision || len(a.Revision) != 12 {
		t.Errorf("revisions %q and %q", a.Revision, b.Revision)
	}
}
