package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// describe fills in what a purpose asks for. The digest covers the controller,
// the purpose, and its services' providers, hosts, cookies, storage keys and
// inline marks: what a visitor consents to. It leaves out texts and order.
// Lifetimes are summed beside it in days, so that shorter ones void nothing. A
// change that lengthens one by what it takes from another is not noticed.
func (p *Policy) describe(purpose *Purpose) {
	services := p.Services
	slices.SortFunc(purpose.Order, func(a, b int) int { return strings.Compare(services[a].ID, services[b].ID) })
	h := sha256.New()
	fmt.Fprintf(h, "%q %q\n", p.Controller, purpose.ID)
	days := 0
	for _, i := range purpose.Order {
		s := &services[i]
		var facts []string
		for _, c := range s.Cookies {
			days += c.Lifetime.days()
			facts = append(facts, fmt.Sprintf("cookie %q %q", c.Name, c.ThirdParty))
		}
		for _, host := range s.Hosts {
			facts = append(facts, fmt.Sprintf("host %q", host))
		}
		for _, k := range s.Storage {
			facts = append(facts, fmt.Sprintf("storage %q %q", k.Area, k.Key))
		}
		for _, text := range s.Inline {
			facts = append(facts, fmt.Sprintf("inline %q", text))
		}
		slices.Sort(facts)
		fmt.Fprintf(h, "%q %q %q\n", s.ID, s.Provider, facts)
	}
	copy(purpose.Digest[:], h.Sum(nil))
	purpose.Days = uint16(min(days, math.MaxUint16))
	key := sha256.Sum256([]byte(purpose.ID))
	copy(purpose.Key[:], key[:])
}

// revision digests everything declared, texts and order included.
func revision(d Declaration) string {
	data, err := json.Marshal(d) // maps are marshalled in key order
	if err != nil {
		panic(err) // plain strings, numbers and maps always marshal
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}
