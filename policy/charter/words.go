package charter

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// fields is the field of each heading, in the words that charters use.
var fields = map[string]string{}

func init() {
	for field, headings := range map[string][]string{
		"id":       {"id", "identifiant", "service id"},
		"provider": {"provider", "supplier", "vendor", "company", "owner", "third party", "prestataire", "nom du prestataire", "fournisseur", "editeur", "emetteur", "societe", "organisme"},
		"service":  {"service", "service name", "nom du service", "outil", "tool"},
		// name and place in one
		"service_place":   {"service et emplacement", "service and place", "service and location", "service et lieu"},
		"service_purpose": {"service purpose", "purpose of the service", "finalite du service"},
		"place":           {"place", "location", "emplacement", "lieu"},
		"cookie":          {"cookie", "cookies", "cookie name", "name of the cookie", "name", "tracker", "nom", "nom du cookie", "nom du cookies", "nom des cookies", "nom cookie", "cookies deposes", "traceur", "nom du traceur"},
		"purpose":         {"purpose", "purposes", "function", "description", "use", "finalite", "finalites", "finalite du cookie", "fonction", "utilisation", "objet", "utilite", "role"},
		"lifetime":        {"lifetime", "duration", "retention", "expiry", "expiration", "expires", "max age", "duree", "duree de vie", "duree de conservation", "conservation", "validite", "duree de validite"},
		"category":        {"category", "kind", "type", "type of cookie", "cookie type", "categorie", "type de cookie", "nature", "famille"},
		"ground":          {"ground", "ground of exemption", "exemption", "motif", "motif d exemption", "fondement"},
		"setter":          {"set by", "setter", "third party host", "depose par", "place par"},
		"domain":          {"domain", "host of the cookie", "domaine"},
		"path":            {"path", "chemin"},
		"attributes":      {"attributes", "attributs"},
		"storage":         {"storage", "web storage", "stockage"},
		"inline":          {"inline", "inline scripts", "scripts"},
		"hosts":           {"host", "hosts", "hote", "hotes", "origin", "origins", "origines"},
		"policy":          {"policy", "privacy policy", "privacy", "politique de confidentialite", "politique", "confidentialite"},
		"country":         {"country", "transfer", "pays", "pays de transfert", "transfert"},
	} {
		for _, heading := range headings {
			fields[heading] = field
		}
	}
}

// texts are the fields that may have a column for each language.
var texts = []string{"service", "place", "purpose", "service_purpose"}

var languageTag = regexp.MustCompile(`^(.*)\(([a-z]{2,3}(?:-[A-Za-z]{2,4})?)\)$`)

// longestHeading spares looking at what is no heading, in bytes.
const longestHeading = 64

// field returns the field that a column is headed as, empty for none: a name, and
// behind a space the language of texts, as in "Purpose (fr)".
func field(heading string) string {
	if len(heading) > longestHeading {
		return ""
	}
	if !strings.HasSuffix(heading, ")") {
		return fields[plain(heading)]
	}
	if found := languageTag.FindStringSubmatch(heading); found != nil {
		if name := fields[plain(found[1])]; slices.Contains(texts, name) {
			return name + " " + found[2]
		}
	}
	return fields[plain(heading)]
}

// third reads who sets a cookie: a host for a third party, empty for the site or a
// script in its pages.
func third(words string) (host string, ok bool) {
	lower := strings.ToLower(words)
	for _, lead := range []string{"third ", "third party ", "tiers ", "tierce partie "} {
		lower = strings.TrimPrefix(lower, lead)
	}
	switch plain(lower) {
	case "", "response", "http", "server", "serveur", "script", "js", "javascript", "site", "the site", "this site", "le site", "first party", "interne", "http js":
		return "", true
	}
	return lower, domain.MatchString(lower)
}

var domain = regexp.MustCompile(`^([a-z0-9_-]+\.)+[a-z0-9_-]+$`)

// ground reads why a service needs no consent, in the words of a charter where they
// are known.
func ground(words string) string {
	if id, known := grounds[plain(words)]; known {
		return id
	}
	return strings.ReplaceAll(strings.ToLower(words), " ", "_")
}

var grounds = map[string]string{
	"authentification": "authentication", "connexion": "authentication", "login": "authentication",
	"securite": "security", "panier": "basket", "facturation": "billing", "paiement": "billing",
	"langue": "interface", "language": "interface", "presentation": "interface",
	"repartition de charge": "load_balancing", "choix": "tracker_choice", "consentement": "tracker_choice", "consent": "tracker_choice",
}

// plain is text in lower case, without accents, punctuation and the s that a plural
// is marked with in brackets.
func plain(text string) string {
	var out strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(strings.ReplaceAll(text, "(s)", ""))) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.IsLetter(r), unicode.IsDigit(r):
			out.WriteRune(r)
		default:
			out.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(out.String()), " ")
}

// purposes are the words by which a text names a built-in category.
var purposes = []struct {
	id    string
	words *regexp.Regexp
}{
	{"necessary", regexp.MustCompile(`\b(necessaires?|necessary|essentiels?|essential|fonctionnels?|functional|techniques?|technical|obligatoires?|exempt(e|es|es de consentement)?)\b`)},
	{"statistics", regexp.MustCompile(`\b(statisti(cs?|ques?|cal)|analyti(cs?|ques?)|audience|analyse|performance)\b`)},
	{"marketing", regexp.MustCompile(`\b(marketing|publicit(e|es|aires?)|advertising|ads|ciblage|targeting)\b`)},
	{"preferences", regexp.MustCompile(`\b(preferences?|personnalisation|personali[sz]ation)\b`)},
	{"media", regexp.MustCompile(`\b(medias?|multimedia|videos?|cartes?|maps?|contenus? (externes?|embarques?)|embedded content)\b`)},
	{"social", regexp.MustCompile(`\b(social|sociaux|reseaux sociaux|social (media|networks?))\b`)},
}

// Category returns the built-in category that words name, and "" where they name
// none, or deny what they name.
//
// Of several, the first in the order of the text counts: "Cookies nécessaires /
// fonctionnels" are necessary. "Internes" and "tiers" say who sets a cookie, not
// what for, and name none.
func Category(words string) string {
	text := plain(words)
	if denied.MatchString(text) {
		return ""
	}
	id, first := "", len(text)
	for _, p := range purposes {
		if found := p.words.FindStringIndex(text); found != nil && found[0] < first {
			id, first = p.id, found[0]
		}
	}
	if strings.Contains(text, "reseaux sociaux") || strings.Contains(text, "social media") {
		return "social"
	}
	return id
}

var denied = regexp.MustCompile(`\b(non|not|pas|sans|hors|autres?|other)\b`)

// spans are the units that lifetimes are written in, in days; those under a day in
// seconds. Months and years are those of rules on consent: 6 months are 182 days,
// 13 months 395, 25 months 760.
var (
	span    = regexp.MustCompile(`^(?:(?:up to|jusqu a|max|maximum|environ|about) )*(\d{1,9}|an?|une?|one) ?([a-z]+)(?: max| maximum)?$`)
	session = regexp.MustCompile(`^(?:cookie de |duree de (?:la )?|le temps de la |end of (?:the )?|fin de (?:la )?)?session(?: cookie)?$|^(?:navigateur ferme|until the browser (?:is closed|closes)|fermeture du navigateur)$`)
)

// lifetime reads a duration in words. Whatever it says beside number and unit makes
// it no duration: a lifetime read wrong would be enforced wrong.
func lifetime(words string) (string, bool) {
	text := plain(words)
	if strings.HasPrefix(words, "-") {
		return "", false
	}
	if session.MatchString(text) {
		return "session", true
	}
	found := span.FindStringSubmatch(text)
	if found == nil {
		return "", false
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		n = 1
	}
	if n == 0 {
		return "", false
	}
	switch found[2] {
	case "s", "sec", "second", "seconds", "seconde", "secondes":
		return strconv.Itoa(n) + "s", true
	case "m", "min", "minute", "minutes":
		return strconv.Itoa(n) + "m", true
	case "h", "hour", "hours", "heure", "heures":
		return strconv.Itoa(n) + "h", true
	case "d", "day", "days", "j", "jour", "jours":
		return strconv.Itoa(n) + "d", true
	case "w", "week", "weeks", "semaine", "semaines":
		return strconv.Itoa(7*n) + "d", true
	case "month", "months", "mo", "mois":
		return strconv.Itoa(n*365/12) + "d", true
	case "y", "year", "years", "an", "ans", "annee", "annees":
		return strconv.Itoa(365*n) + "d", true
	}
	return "", false
}
