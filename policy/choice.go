package policy

import (
	"fmt"
	"time"
)

// Answer is what a visitor said to one purpose.
type Answer uint8

// Answers. Withheld counts for consent and for exempt measurement alike.
const (
	Unasked  Answer = iota
	Withheld        // refused, or objected to when exempt
	Given           // all its services
	Partial         // some of its services
)

// Choice is a visitor's stored choice, read against one policy: an answer whose
// purpose has changed since is Unasked in it.
type Choice struct {
	Time     int64    // of the choice, Unix seconds
	ID       [16]byte // of the consent; zero while nothing is granted
	Whole    bool     // all purposes were answered at once, at some time
	Answers  [MaxCategories]Answer
	Services Set // granted ones
}

// State tells how far a visitor has answered.
type State string

// States. Grants are kept by purpose: in each state, what passes beside the
// exempt is what was explicitly granted and has not changed since.
const (
	Unanswered State = "unanswered"
	Answered   State = "answered"
	Outdated   State = "outdated" // answered once, and something new is to be asked
	GPC        State = "gpc"      // not answered, and the browser objects for the visitor
)

// Standing is where a visitor stands with a policy.
type Standing struct {
	State  State
	Choice Choice // zero when there is none
	Grants Set    // every service that may work, exempt ones included
}

// Judge derives the standing from a choice (zero: none) and the browser's
// Global Privacy Control signal.
func (p *Policy) Judge(c Choice, gpc bool) Standing {
	s := Standing{Choice: c, Grants: p.Exempt, State: Answered}
	for i, purpose := range p.Active {
		switch {
		case purpose.Exempt && c.Answers[i] == Withheld:
			s.Grants = s.Grants.Minus(purpose.Services)
		case !purpose.Exempt && c.Answers[i] == Unasked:
			s.State = Outdated
		}
	}
	s.Grants = s.Grants.Union(c.Services)
	switch {
	case s.State == Answered && c.Time != 0:
	case gpc:
		s.State = GPC
	case !c.Whole:
		s.State = Unanswered
	}
	return s
}

// AcceptAll grants every purpose and ends every objection.
func (p *Policy) AcceptAll(now time.Time) Choice {
	c := Choice{Time: now.Unix(), Whole: true}
	for i, purpose := range p.Active {
		if !purpose.Exempt {
			c.Answers[i] = Given
			c.Services = c.Services.Union(purpose.Services)
		}
	}
	return c
}

// RefuseAll withholds every purpose that needs consent. Exempt measurement
// goes on unless the visitor had objected to it.
func (p *Policy) RefuseAll(previous Choice, now time.Time) Choice {
	c := Choice{Time: now.Unix(), Whole: true}
	for i, purpose := range p.Active {
		if !purpose.Exempt || previous.Answers[i] == Withheld {
			c.Answers[i] = Withheld
		}
	}
	return c
}

// Save replaces the choice: what is not named in grants (category or service
// ids) is withheld; objections name exempt categories.
// An unknown id, or an objection to what is not exempt, is an error.
func (p *Policy) Save(grants, objections []string, now time.Time) (Choice, error) {
	c := p.RefuseAll(Choice{}, now)
	for _, id := range objections {
		i, ok := p.purposes[id]
		if !ok || !p.Active[i].Exempt {
			return Choice{}, fmt.Errorf("object: %q is not a category of exempt measurement", id)
		}
		c.Answers[i] = Withheld
	}
	return c, p.grant(&c, grants)
}

// Allow adds grants to the previous choice and leaves other purposes as they
// were. An earlier choice keeps its time, so that nothing in it is prolonged.
func (p *Policy) Allow(previous Choice, grants []string, now time.Time) (Choice, error) {
	c := previous
	if c.Time == 0 {
		c.Time = now.Unix()
	}
	return c, p.grant(&c, grants)
}

// grant adds category and service ids to c.
func (p *Policy) grant(c *Choice, ids []string) error {
	for _, id := range ids {
		if i, ok := p.purposes[id]; ok {
			c.Services = c.Services.Union(p.Active[i].Services)
		} else if i, ok := p.services[id]; ok {
			c.Services.Add(i)
		} else if id != Necessary {
			return fmt.Errorf("grant: no category or service is called %q", id)
		}
	}
	c.Services = c.Services.Minus(p.Exempt)
	for i, purpose := range p.Active {
		switch granted := purpose.Services.Intersect(c.Services).Len(); {
		case purpose.Exempt || granted == 0:
		case granted == len(purpose.Order):
			c.Answers[i] = Given
		default:
			c.Answers[i] = Partial
		}
	}
	return nil
}

// Intersect combines two valid copies of the choice: only what both grant stays
// granted, and what either withholds stays withheld.
func (c Choice) Intersect(other Choice) Choice {
	services := c.Services.Intersect(other.Services)
	if other.Time > c.Time {
		c, other = other, c
	}
	c.Time = other.Time // the earlier one ends first
	c.Services = services
	for i, a := range c.Answers {
		switch b := other.Answers[i]; {
		case a == b:
		case a == Withheld || b == Withheld:
			c.Answers[i] = Withheld
		case a == Unasked || b == Unasked:
			c.Answers[i] = Unasked
		default:
			c.Answers[i] = Partial
		}
	}
	return c
}

// Granted lists what grants allow: categories that are granted as a whole, in
// declared order and Necessary first, then single services.
func (p *Policy) Granted(grants *Set) []string {
	ids := []string{Necessary}
	var whole Set
	for _, purpose := range p.Active {
		if grants.Covers(&purpose.Services) {
			ids = append(ids, purpose.ID)
			whole = whole.Union(purpose.Services)
		}
	}
	for i, s := range p.Services {
		if s.Category != Necessary && grants.Has(i) && !whole.Has(i) {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// Allows reports whether the category or service called id is granted as a whole.
func (p *Policy) Allows(id string, grants *Set) bool {
	if i, ok := p.purposes[id]; ok {
		return grants.Covers(&p.Active[i].Services)
	}
	if i, ok := p.services[id]; ok {
		return grants.Has(i)
	}
	return id == Necessary
}

// Objected lists the exempt categories the visitor objected to.
func (p *Policy) Objected(c *Choice) []string {
	ids := []string{}
	for i, purpose := range p.Active {
		if purpose.Exempt && c.Answers[i] == Withheld {
			ids = append(ids, purpose.ID)
		}
	}
	return ids
}

// Grants reports whether c grants anything that needs consent.
func (c *Choice) Grants() bool { return c.Services != Set{} }
