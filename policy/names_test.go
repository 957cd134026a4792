package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// The first of Names that fits a cookie-name decides as Verdict does, whatever is
// declared.
func TestNamesDecideAsVerdictDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	word := func(alphabet string, n int) string {
		out := ""
		for range 1 + random.IntN(n) {
			out += string(alphabet[random.IntN(len(alphabet))])
		}
		return out
	}
	for round := range 400 {
		services := []Service{service("necessary-a"), service("statistics-b"), service("marketing-c")}
		used := map[string]int{}
		for range 2 + random.IntN(8) {
			name, at := word("ab*", 4), random.IntN(3)
			if at0, twice := used[name]; twice && at0 == at {
				continue
			}
			used[name] = at
			services[at].Cookies = append(services[at].Cookies, Cookie{Name: name})
		}
		p := declared(t, services...)
		p.AllowUndeclared = round%2 == 0
		grants := granting(t, p, "statistics")
		names := p.Names(grants)
		for range 50 {
			cookie := word("ab", 6)
			passes := p.AllowUndeclared
			if i := slices.IndexFunc(names, func(n Name) bool { return plainMatch(n.Pattern, cookie) }); i >= 0 {
				passes = names[i].Passes
			}
			if verdict, _ := p.Verdict(cookie, grants); verdict.Passes() != passes {
				t.Fatalf("%q passes: %t by Verdict, %t by %v", cookie, verdict.Passes(), passes, names)
			}
		}
	}
}

func TestNamesLeaveOutWhatPassesForNobody(t *testing.T) {
	p := declared(t, service("necessary-a", "lang", "theme_*"), service("marketing-b", "ads", "*"))
	if got, want := fmt.Sprint(p.Names(&p.Exempt)), "[{choice false} {lang true} {ads false} {theme_* true}]"; got != want {
		t.Errorf("Names = %s, want %s", got, want)
	}
}
