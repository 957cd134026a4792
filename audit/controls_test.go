package audit

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// openBed opens a tab in the shared browser for a site of a bed.
func openBed(t *testing.T, address string) (*auditor, *tab) {
	t.Helper()
	b, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	a := &auditor{Options: quick(address), browser: b, report: &Report{}}
	if a.start, err = a.defaults(); err != nil {
		t.Fatal(err)
	}
	a.party = newParty(a.start.Hostname())
	opened, err := b.tab(chromedp.WithNewBrowserContext(), tabOptions{origin: a.start, quiet: a.Quiet / 2, bound: a.Timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.close)
	return a, opened
}

// chosen waits until the page says that want was chosen.
func chosen(t *testing.T, opened *tab, want string) bool {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		choice, err := chromedp.Run(opened.Context, chromedp.Evaluate[string](`sessionStorage.getItem("choice") ?? ""`))
		if err != nil {
			t.Fatal(err)
		}
		if choice == want {
			return true
		}
		if time.Now().After(deadline) {
			t.Logf("%q was chosen", choice)
			return false
		}
	}
}

var simpleSelector = regexp.MustCompile(`^([a-z]*)((?:#[\w-]+|\.[\w-]+|\[[^\]]+\])*)$`)

// elementOf writes an element that a selector finds, with what is above it. Only the
// forms that the table has are understood.
func elementOf(t *testing.T, selector, attributes, label string) string {
	t.Helper()
	parts := strings.Fields(regexp.MustCompile(`"[^"]*"`).ReplaceAllStringFunc(selector, func(s string) string { return strings.ReplaceAll(s, " ", "\x00") }))
	html, end := "", ""
	for i, part := range parts {
		part = strings.ReplaceAll(part, "\x00", " ")
		m := simpleSelector.FindStringSubmatch(part)
		if m == nil {
			t.Fatalf("the selector %q is too hard for the test", selector)
		}
		tag := m[1]
		if tag == "" {
			tag = "div"
		}
		html += "<" + tag
		var classes []string
		for _, piece := range regexp.MustCompile(`#[\w-]+|\.[\w-]+|\[[^\]]+\]`).FindAllString(m[2], -1) {
			switch piece[0] {
			case '#':
				html += ` id="` + piece[1:] + `"`
			case '.':
				classes = append(classes, piece[1:])
			default:
				name, value, _ := strings.Cut(strings.Trim(piece, "[]"), "=")
				html += " " + strings.TrimRight(name, "*^$") + "=" + orEmpty(value)
			}
		}
		if len(classes) > 0 {
			html += ` class="` + strings.Join(classes, " ") + `"`
		}
		if i == len(parts)-1 {
			html += " " + attributes + ">" + label
		} else {
			html += ">"
		}
		end = "</" + tag + ">" + end
	}
	return html + end
}

func orEmpty(value string) string {
	if value == "" {
		return `""`
	}
	return value
}

// TestManagers has a page of our own with the controls of every known manager, whose
// labels say nothing: refuse, accept and withdraw have to be found by selector.
func TestManagers(t *testing.T) {
	t.Parallel()
	b := newBed(t, false)
	for half := range 2 {
		t.Run(fmt.Sprint("half ", half), func(t *testing.T) {
			t.Parallel()
			// One tab for many: each manager has an origin of its own.
			_, opened := openBed(t, b.origin("managers.localhost"))
			for i, m := range managers {
				if i%2 == half && len(m.Accept) > 0 { // others are known by their words; see TestWords
					t.Run(m.Name, func(t *testing.T) { testManager(t, b, opened, m, fmt.Sprintf("manager%d.localhost", i)) })
				}
			}
		})
	}
}

func testManager(t *testing.T, b *bed, opened *tab, m manager, host string) {
	act := func(choice string) string {
		return fmt.Sprintf(`style="display:block" onclick="event.stopPropagation(); sessionStorage.setItem('choice', '%s'); document.getElementById('first').remove()"`, choice)
	}
	first := elementOf(t, m.Accept[0], act("accepted"), "I")
	if len(m.Refuse) > 0 {
		first += elementOf(t, m.Refuse[0], act("refused"), "II")
	}
	again := ""
	if len(m.Withdraw) > 0 && len(m.Refuse) > 0 {
		again = "<p>" + elementOf(t, m.Withdraw[0], `style="display:block" data-again`, "III") + "</p>"
	}
	script := `<script>
			const first = document.getElementById("first"), copy = first.cloneNode(true);
			const again = document.querySelector("[data-again]");
			if (again) again.onclick = (e) => { e.preventDefault(); document.body.prepend(copy) };
			if (sessionStorage.getItem("choice")) first.remove();
			</script>`
	site := b.put(host, map[string]http.HandlerFunc{"/": html(`<div id=first>` + first + `</div>` + again + script)})
	a := &auditor{Options: quick(site), report: &Report{}}
	opened.visit(site + "/")
	if err := a.accept(opened); err != nil || !chosen(t, opened, "accepted") {
		t.Fatalf("accept: %v", err)
	}
	if a.report.Manager != m.Name {
		t.Errorf("the manager is %q", a.report.Manager)
	}
	if again != "" {
		opened.visit(site + "/")
		if err := a.withdraw(opened); err != nil || !chosen(t, opened, "refused") {
			t.Errorf("withdraw: %v", err)
		}
	}
	if len(m.Refuse) == 0 {
		return
	}
	if _, err := chromedp.Run(opened.Context, chromedp.Evaluate[bool](`(sessionStorage.clear(), true)`)); err != nil {
		t.Fatal(err)
	}
	opened.visit(site + "/")
	if err := a.refuse(opened); err != nil || !chosen(t, opened, "refused") {
		t.Errorf("refuse: %v", err)
	}
}

func TestPlaces(t *testing.T) {
	b := newBed(t, false)
	buttons := `<button class="%s" onclick="%s">I</button><button class="%s" onclick="%s">II</button>`
	tell := func(choice string) string {
		return fmt.Sprintf(`parent.postMessage('%s', '*'); this.parentNode.replaceChildren()`, choice)
	}
	frame := b.put("frame.localhost", map[string]http.HandlerFunc{
		"/": html(fmt.Sprintf(`<div>`+buttons+`</div>`, "sp_choice_type_11", tell("accepted"), "sp_choice_type_13", tell("refused"))),
	})
	listening := `<script>addEventListener("message", (e) => { sessionStorage.setItem("choice", e.data) })</script>`
	shadow := func(markup string) string {
		return `<div id=host></div>` + listening + `<script>document.getElementById("host").attachShadow({mode: "open"}).innerHTML = ` + fmt.Sprintf("%q", markup) + `</script>`
	}
	for i, row := range []struct{ name, body string }{
		{"a frame of another site", listening + `<iframe id=sp_message_iframe_1 src="` + frame + `/" title=consent width=400 height=100></iframe>`},
		{"an open shadow root", shadow(fmt.Sprintf(`<div>`+strings.ReplaceAll(buttons, "class", "data-testid")+`</div>`, "uc-accept-all-button", tell("accepted"), "uc-deny-all-button", tell("refused")))},
		{"words in an open shadow root", shadow(fmt.Sprintf(`<section class=consent><p>We use cookies</p><button onclick="%s">Accept all</button><button onclick="%s">Reject all</button></section>`, tell("accepted"), tell("refused")))},
		{"something over it", listening + fmt.Sprintf(`<div>`+buttons+`</div><div style="position:fixed;inset:0;z-index:9"></div>`, "cky-btn-accept", tell("accepted"), "cky-btn-reject", tell("refused"))},
		{"late", listening + fmt.Sprintf(`<div id=late hidden>`+buttons+`</div><script>setTimeout(() => { document.getElementById("late").hidden = false }, 250)</script>`, "cky-btn-accept", tell("accepted"), "cky-btn-reject", tell("refused"))},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			site := b.put(fmt.Sprintf("place%d.localhost", i), map[string]http.HandlerFunc{"/": html(row.body)})
			a, opened := openBed(t, site)
			a.Patience = 5 * time.Second
			for choice, choose := range map[string]func(*tab) error{"accepted": a.accept, "refused": a.refuse} {
				opened.visit(site + "/")
				if err := choose(opened); err != nil || !chosen(t, opened, choice) {
					t.Errorf("%s: %v", choice, err)
				}
			}
		})
	}
}

// TestWords sorts labels as sites write them.
func TestWords(t *testing.T) {
	t.Parallel()
	rows := []struct {
		want   role
		labels string
	}{
		{refuses, "Tout refuser|Refuser|Je refuse|Refuser tout|Refuser et fermer|Continuer sans accepter →|Interdire tous les cookies|Non merci|Cookies nécessaires uniquement|Refuser les cookies optionnels|N'accepter que les cookies nécessaires"},
		{refuses, "Reject all|Reject|Decline|Refuse all cookies|Deny|I do not accept|Necessary only|Only necessary cookies|Use necessary cookies only|Reject non-essential cookies|Continue without accepting|No, thanks|Reject optional cookies|Reject additional cookies"},
		{refuses, "Alle ablehnen|Ablehnen|Nur notwendige Cookies|Nur essenzielle Cookies akzeptieren|Nicht zustimmen|Weiter ohne Einwilligung"},
		{refuses, "Rechazar todo|Rechazar|Rechazar todas las cookies|Solo necesarias|Continuar sin aceptar|Rifiuta tutto|Rifiuta|Continua senza accettare|Solo necessari|Non accetto"},
		{accepts, "Tout accepter|Accepter|J'accepte|OK, tout accepter|Accepter et fermer|J'ai compris|D'accord|Accepter tous les cookies|Accept all|Accept|Accept all cookies|I agree|Got it!|Allow all|OK|Alle akzeptieren|Akzeptieren|Ich stimme zu|Zustimmen|Alle Cookies zulassen|Aceptar todo|Aceptar|Acepto|Aceptar todas las cookies|Accetta tutto|Accetta|Accetto|Accetta tutti i cookie"},
		{settings, "Personnaliser|Paramétrer|Gérer mes choix|Paramétrer les cookies|Customize|Manage preferences|Cookie settings|More options|Learn more|Einstellungen|Cookie-Einstellungen|Mehr erfahren|Configurar|Personalizar|Gestionar opciones|Personalizza|Gestisci preferenze|Scopri di più"},
		{saves, "Enregistrer|Enregistrer mes choix|Valider mes choix|Save my choices|Save preferences|Confirm my choices|Auswahl speichern|Speichern|Guardar preferencias|Salva preferenze"},
		{"", "Accueil|Rechercher|Read the article|Über uns|Contacto|Newsletter|Accept invitation from Anna|Refuse collection times|Products|Anmelden|Buscar|Carrello"},
	}
	var body strings.Builder
	body.WriteString(`<div class=cookie-banner style="position:fixed;inset:0;overflow:auto"><p>Nous utilisons des cookies</p>`)
	n := 0
	for _, row := range rows {
		for label := range strings.SplitSeq(row.labels, "|") {
			fmt.Fprintf(&body, "<button>%s</button>\n", label)
			n++
		}
	}
	body.WriteString(`</div><footer><button>Reject all</button></footer>`)
	b := newBed(t, false)
	site := b.put("words.localhost", map[string]http.HandlerFunc{"/": html(body.String())})
	_, opened := openBed(t, site)
	opened.visit(site + "/")
	controls, _ := opened.controls(false)
	got := map[string]role{}
	for _, c := range controls {
		if c.Role != reopens {
			got[c.Label] = c.Role
		}
	}
	for _, row := range rows {
		for label := range strings.SplitSeq(row.labels, "|") {
			if got[label] != row.want {
				t.Errorf("%q is %q, want %q", label, got[label], row.want)
			}
		}
	}
	if len(controls) > n+20 {
		t.Errorf("%d controls of %d buttons; one outside of the banner counts", len(controls), n)
	}
}
