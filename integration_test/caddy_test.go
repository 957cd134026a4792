package integration_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-cookie-consent/caddy-cookie-consent"
)

// services is the seed charter, and two services that need consent.
const services = `
	controller "Département de Démonstration"
	language fr en
	service authentication {
		provider Opendatasoft
		purpose fr "Se souvenir de l'utilisateur d'une page à une autre."
		category necessary authentication
		cookie sessionid {
			lifetime 14d
		}
	}
	service language {
		provider Opendatasoft
		purpose fr "Se souvenir de la langue du visiteur."
		category necessary interface
		cookie django_language {
			lifetime 365d
		}
	}
	service csrf {
		provider Opendatasoft
		purpose fr "Protéger les formulaires."
		category necessary security
		cookie csrftoken {
			lifetime 365d
		}
	}
	service counter {
		purpose fr "Mesurer la fréquentation des pages."
		category statistics
		cookie _pk_id.* {
			lifetime 395d
		}
	}
	service ads {
		provider "Example Ads"
		purpose fr "Choisir des annonces d'après vos visites."
		category marketing
		cookie ads_id {
			lifetime 90d
		}
	}
`

// lifetimes of the declared cookies, and of the preference cookie, in days.
var lifetimes = map[string]int{
	"sessionid": 14, "django_language": 365, "csrftoken": 365,
	"_pk_id.1": 395, "ads_id": 90, "cookies_preferences": 182,
}

// consent is a cookie_consent block of the seed charter with further lines.
func consent(lines ...string) string {
	return "{\n" + strings.Join(lines, "\n") + services + "}\n"
}

// options is a global options block that keeps Caddy to itself.
func options(storage string, lines ...string) string {
	return fmt.Sprintf("{\nadmin off\npersist_config off\nauto_https off\ngrace_period 3s\n"+
		"storage file_system %q\nlog {\nlevel ERROR\n}\n%s\n}\n", storage, strings.Join(lines, "\n"))
}

// site is a site block on a free port.
type site struct {
	host string
	port int
	body string
}

// newSite returns a site at a free port, whose block has body.
func newSite(t *testing.T, host, body string) site {
	t.Helper()
	return site{host, freePort(t), body}
}

// enforced returns the portal behind the module.
func enforced(t *testing.T, host string, lines ...string) site {
	t.Helper()
	return newSite(t, host, "encode\ncookie_consent "+consent(lines...)+"reverse_proxy "+thePortal(t).address+"\n")
}

func (s site) String() string {
	return fmt.Sprintf("http://%s {\nbind 127.0.0.1\n%s}\n", s.authority(), s.body)
}

// authority is host and port.
func (s site) authority() string { return fmt.Sprintf("%s:%d", s.host, s.port) }

func (s site) url(path string) string { return "http://" + s.authority() + path }

// startCaddy runs sites until the test ends, with a storage of their own.
func startCaddy(t *testing.T, sites ...site) {
	t.Helper()
	loadCaddyfile(t, caddyfile(options(t.TempDir()), sites...))
}

// caddyfile puts a Caddyfile together.
func caddyfile(options string, sites ...site) string {
	var out strings.Builder
	out.WriteString(options)
	for _, s := range sites {
		out.WriteString(s.String())
	}
	return out.String()
}

// loadCaddyfile runs a Caddyfile until the test ends.
func loadCaddyfile(t *testing.T, text string) {
	t.Helper()
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Errorf("stopping Caddy: %v", err)
		}
	})
	if err := caddy.Load(adapt(t, text), true); err != nil {
		t.Fatalf("loading the Caddyfile: %v\n%s", err, text)
	}
}

// adapt turns a Caddyfile into Caddy's JSON.
func adapt(t *testing.T, text string) []byte {
	t.Helper()
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatalf("adapting the Caddyfile: %v\n%s", err, text)
	}
	return config
}

// freePort asks the kernel for a loopback port that no test was given yet, free for
// TCP and for the UDP of HTTP/3.
func freePort(t *testing.T) int {
	t.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		datagrams, taken := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if taken == nil {
			_ = datagrams.Close()
		}
		_ = l.Close()
		if _, given := givenPorts.LoadOrStore(port, true); !given && taken == nil {
			return port
		}
	}
}

var givenPorts sync.Map
