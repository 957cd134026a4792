package config

import (
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
)

// Global is what all sites of one Caddy share.
type Global struct {
	// Records says where proof of consent is kept: sqlite (default), postgres or
	// off.
	Records string `json:"records,omitempty"`
	// RecordsTo is the SQLite file, by default cookie_consent/records.db in Caddy's
	// data directory, or the PostgreSQL connection string.
	RecordsTo string `json:"records_to,omitempty"`
	// Retention is how long proofs are kept. Default: 1825d.
	Retention caddy.Duration `json:"retention,omitempty"`
}

// Check finds the first mistake in g.
func (g *Global) Check() error {
	if g.Records != "" {
		if err := oneOf("records", g.Records, "sqlite", "postgres", "off"); err != nil {
			return err
		}
	}
	switch {
	case g.Records == "postgres" && g.RecordsTo == "":
		return problem("records", "postgres needs a connection string")
	case g.Records == "off" && g.RecordsTo != "":
		return problem("records", "off takes no file or connection string")
	case g.Retention < 0:
		return problem("retention", "proofs are kept for a positive time")
	}
	return nil
}

// WithDefaults returns g with nothing left out, and with the values of placeholders
// such as {env.RECORDS}. data is Caddy's data directory.
func (g Global) WithDefaults(data string) Global {
	if g.Records == "" {
		g.Records = "sqlite"
	}
	g.RecordsTo = caddy.NewReplacer().ReplaceKnown(g.RecordsTo, "")
	if g.Records == "sqlite" && g.RecordsTo == "" {
		g.RecordsTo = filepath.Join(data, "cookie_consent", "records.db")
	}
	if g.Retention == 0 {
		g.Retention = caddy.Duration(1825 * day)
	}
	return g
}

// Spool is the directory that holds the records that PostgreSQL has not taken yet.
func Spool(data string) string { return filepath.Join(data, "cookie_consent", "spool") }
