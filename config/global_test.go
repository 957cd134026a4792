package config_test

import (
	"testing"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/config"
)

func TestGlobalDefaults(t *testing.T) {
	t.Setenv("RECORDS_HOST", "db.example")
	const file, years = "/data/cookie_consent/records.db", "43800h0m0s"
	for _, c := range []struct{ name, json, records, to, retention string }{
		{"nothing", `{}`, "sqlite", file, years},
		{"sqlite", `{"records": "sqlite"}`, "sqlite", file, years},
		{"a file", `{"records": "sqlite", "records_to": "proofs.db"}`, "sqlite", "proofs.db", years},
		{"a file of the default kind", `{"records_to": "proofs.db"}`, "sqlite", "proofs.db", years},
		{"postgres", `{"records": "postgres", "records_to": "host=localhost"}`, "postgres", "host=localhost", years},
		{"a placeholder", `{"records": "postgres", "records_to": "host={env.RECORDS_HOST}"}`, "postgres", "host=db.example", years},
		{"off", `{"records": "off"}`, "off", "", years},
		{"retention", `{"retention": "365d"}`, "sqlite", file, "8760h0m0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := global(t, c.json).WithDefaults("/data")
			if g.Records != c.records || g.RecordsTo != c.to || g.Retention != global(t, `{"retention": "`+c.retention+`"}`).Retention {
				t.Errorf("%+v, want %+v", g, c)
			}
		})
	}
	if got := config.Spool("/data"); got != "/data/cookie_consent/spool" {
		t.Errorf("the spool is %s", got)
	}
}
