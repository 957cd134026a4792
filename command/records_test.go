package command_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

// today is when the records of the tests are made, but for old ones.
var today = time.Date(2026, 5, 2, 10, 0, 0, 0, time.UTC)

// desk is a configuration with its records.
type desk struct {
	config  string // file
	options records.Options
	time    time.Time // of the next record
}

// newDesk makes a configuration that keeps its records in SQLite, none yet.
func newDesk(t *testing.T) *desk {
	t.Helper()
	dir := t.TempDir()
	d := &desk{time: today}
	d.options = records.Options{
		SQLite: filepath.Join(dir, "records.db"), Storage: &certmagic.FileStorage{Path: filepath.Join(dir, "storage")},
		Now: func() time.Time { return d.time },
	}
	d.config = folder(t, fmt.Sprintf("{\n\tstorage file_system %q\n\tcookie_consent {\n\t\trecords sqlite %q\n\t\tretention 400d\n\t}\n}\n%s",
		filepath.Join(dir, "storage"), d.options.SQLite, portal))
	return d
}

// open opens the log, as a running Caddy has it.
func (d *desk) open(t *testing.T) *records.Log {
	t.Helper()
	log, err := records.Open(t.Context(), d.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return log
}

// run runs a records command on the configuration.
func (d *desk) run(args ...string) (stdout, stderr string, err error) {
	return run(append(append([]string{"records"}, args...), "--config", d.config)...)
}

// must is run, of what has to work.
func (d *desk) must(t *testing.T, args ...string) string {
	t.Helper()
	out, _, err := d.run(args...)
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return out
}

// corrupt changes the database behind everybody's back.
func (d *desk) corrupt(t *testing.T, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", d.options.SQLite)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
}

// shown is what the visitors of the tests were shown.
func shown(t *testing.T) *records.Entry {
	t.Helper()
	e, err := records.NewEntry(
		records.Artefact{Name: "banner.fr.html", Type: "text/html; charset=utf-8", Content: []byte(
			`<div id="cookie-consent" lang="fr"><style>.a{color:#123456}</style><p title='"x" & "y"'>Accepter ou refuser ?</p><script src="https://elsewhere.example/s.js"></script></div>`)},
		records.Artefact{Name: "banner.en.html", Type: "text/html; charset=utf-8", Content: []byte(`<div id="cookie-consent" lang="en">Accept or refuse?</div>`)},
		records.Artefact{Name: "charter.fr.html", Type: "text/html; charset=utf-8", Content: []byte("<!doctype html><html lang=\"fr\" dir=\"ltr\"><title>Charte</title><p>Charte</p></html>")},
		records.Artefact{Name: "banner.js", Type: "text/javascript", Content: []byte("alert(1)")},
		records.Artefact{Name: "texts/fr.json", Type: "application/json", Content: []byte("{}")},
	)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// grant is the decision of visitor n.
func grant(n int, site string) records.Decision {
	return records.Decision{
		Subject: fmt.Sprintf("%032x", n), State: records.Given, Method: records.Preferences,
		Choices: []records.Choice{
			{Purpose: "statistics", Answer: records.Exempt},
			{Purpose: "media", Answer: records.Partial, Services: []records.Service{{ID: "youtube", Granted: true}, {ID: "vimeo"}}},
		},
		Notice: records.Notice{Policy: "=r1"}, Lang: "fr", Site: site, Jurisdiction: "fr",
		Expires: today.AddDate(0, 6, 0),
	}
}

// fill records one grant a visitor, and returns the records.
func (d *desk) fill(t *testing.T, log *records.Log, site string, visitors ...int) (all []records.Record) {
	t.Helper()
	for _, n := range visitors {
		r, err := log.Append(t.Context(), grant(n, site), shown(t))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
		d.time = d.time.Add(time.Second)
	}
	return all
}

// closed ends a log, as Caddy's end does.
func closed(t *testing.T, log *records.Log) {
	t.Helper()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRecordsSayWhatIsWrong(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", filepath.Join(t.TempDir(), "data home"))
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(global string) string { return folder(t, "{\n"+global+"\n}\n"+portal) }
	records := func(line string) string { return with("cookie_consent {\n" + line + "\n}") }
	filled := newDesk(t)
	log := filled.open(t)
	filled.fill(t, log, "portal.example", 1)
	closed(t, log)
	foreign := newDesk(t)
	closed(t, foreign.open(t))
	foreign.corrupt(t, "PRAGMA application_id = 1")
	newer := newDesk(t)
	closed(t, newer.open(t))
	newer.corrupt(t, "PRAGMA user_version = 99")

	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"no command", nil, "a command is missing"},
		{"an unknown command", []string{"delete"}, `unknown command "delete"`},
		{"no command of the archive", []string{"archive"}, "a command is missing"},
		{"no configuration", []string{"verify", "--config", filepath.Join(dir, "none")}, "no such file"},
		{"a configuration without consent", []string{"verify", "--config", folder(t, "http://a.example {\nrespond hello\n}\n")}, "the configuration has no cookie_consent"},
		{"records are off", []string{"verify", "--config", records("records off")}, "the configuration says records off: no proof of consent is kept"},
		{"no database yet, where it is by default", []string{"verify", "--config", folder(t, portal)}, "there are no records yet: "},
		{"no database yet, and maybe the wrong user", []string{"verify", "--config", records("retention 10d")}, "run it as the user who runs Caddy, or with its HOME and XDG_DATA_HOME"},
		{"no database yet, in a file of its own", []string{"export", "--config", records("records sqlite " + dir + "/none.db")}, "there are no records yet: records in SQLite: stat " + dir + "/none.db: no such file or directory"},
		{"a file of another kind", []string{"verify", "--config", records("records sqlite " + text)}, text + ": the file is not an SQLite database"},
		{"a database of another program", []string{"verify", "--config", foreign.config}, "the database belongs to another program"},
		{"a database of a newer program", []string{"verify", "--config", newer.config}, "it was made by a newer one"},
		{"a storage without the key", []string{"verify", "--config", with("storage file_system " + dir + "/empty\ncookie_consent {\nrecords sqlite " + filled.options.SQLite + "\n}")}, "key of the records: there is none in the storage of the configuration"},
		{"a connection string that cannot be read", []string{"verify", "--config", records("records postgres postgres://secret@:x/")}, "records in PostgreSQL: cannot parse"},
		{"a server that is away", []string{"verify", "--config", records("records postgres postgres://caddy@127.0.0.1:1/consent")}, "127.0.0.1:1"},
		{"an unknown storage", []string{"verify", "--config", jsonConfig(t, `{"storage": {"module": "shoe_box"}, "apps": {"cookie_consent": {}}}`)}, "storage of the configuration: "},
		{"an unknown id", []string{"show", "00000000-0000-4000-8000-000000000000", "--config", filled.config}, `there is no record and no consent with the id "00000000-0000-4000-8000-000000000000"`},
		{"no id", []string{"show", "--config", filled.config}, "one id is needed"},
		{"an unknown format", []string{"export", "--format", "xlsx", "--config", filled.config}, `--format "xlsx" is not csv or jsonl`},
		{"not a date", []string{"export", "--from", "1/5/2026", "--config", filled.config}, `--from "1/5/2026" is not a day, as 2026-05-01, or a moment`},
		{"dates the wrong way round", []string{"export", "--from", "2026-05-02", "--to", "2026-05-01", "--config", filled.config}, "--from 2026-05-02 is not before --to 2026-05-01"},
		{"a folder as output", []string{"export", "--output", dir, "--config", filled.config}, "is a directory"},
		{"output in no folder", []string{"export", "--output", dir + "/none/x.csv", "--config", filled.config}, "no such file or directory"},
		{"not a retention", []string{"purge", "--retention", "long", "--config", filled.config}, `--retention "long" is not a positive duration`},
		{"a retention that keeps nothing", []string{"purge", "--retention", "0s", "--config", filled.config}, `--retention "0s" is not a positive duration`},
		{"no hash", []string{"archive", "show", "--config", filled.config}, "one hash is needed"},
		{"an unknown hash", []string{"archive", "show", "abcd", "--config", filled.config}, `the archive has no "abcd"; caddy cookie-consent records archive list`},
		{"an unknown artefact", []string{"archive", "show", shown(t).Hash(), "--artefact", "banner.de.html", "--config", filled.config}, `this version has no "banner.de.html"; it has banner.en.html, banner.fr.html, banner.js, charter.fr.html, texts/fr.json`},
		{"a folder that is in use", []string{"archive", "show", shown(t).Hash(), "--output", filepath.Dir(filled.config), "--config", filled.config}, "is not empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, _, err := run(append([]string{"records"}, c.args...)...); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if left, err := os.ReadDir(filepath.Join(dir, "empty")); err == nil {
		t.Errorf("a key was made in a storage that had none: %v", left)
	}
}

// jsonConfig holds a configuration in Caddy's own form.
func jsonConfig(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "caddy.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestShow(t *testing.T) {
	d := newDesk(t)
	log := d.open(t)
	given := d.fill(t, log, "portal.example", 1, 2)[0]
	withdrawal := grant(1, "portal.example")
	withdrawal.State, withdrawal.Method, withdrawal.Expires, withdrawal.Prev = records.Withdrawn, records.Withdraw, time.Time{}, given.ID
	withdrawn, err := log.Append(t.Context(), withdrawal, shown(t))
	if err != nil {
		t.Fatal(err)
	}
	text := func(r records.Record, state, method, replaces string) string {
		return "record        " + r.ID + "\n" +
			"consent       00000000000000000000000000000001\n" +
			"time          " + r.Time.Format("2006-01-02 15:04:05 UTC") + "\n" +
			"state         " + state + "\n" +
			"site          portal.example\n" +
			"method        " + method + "\n" +
			"language      fr\n" +
			"jurisdiction  fr\n" +
			"policy        =r1\n" +
			"shown         " + shown(t).Hash() + "\n" + replaces +
			"purpose       statistics: exempt\n" +
			"purpose       media: partial (youtube granted, vimeo denied)\n" +
			fmt.Sprintf("chain         number %d of instance %s, key 1\n", r.Seq, r.Instance) +
			"hash          " + r.Hash + "\n"
	}
	first := text(given, "given, until 2026-11-02 10:00:00 UTC", "preferences", "")
	last := text(withdrawn, "withdrawn", "withdraw", "replaces      "+given.ID+"\n")
	for _, c := range []struct{ name, id, want string }{
		{"a record, by its id", given.ID, first},
		{"a consent, by its id: all of it, the oldest first", given.Subject, first + "\n" + last},
		{"an id in capitals", " " + strings.ToUpper(withdrawn.ID), last},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := d.must(t, "show", c.id); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
	if got := d.must(t, "show", "--json", given.ID); !strings.Contains(d.must(t, "export", "--format", "jsonl"), got) || !strings.HasSuffix(got, "\n") {
		t.Errorf("--json is no line of the export:\n%s", got)
	}
}

func TestVerify(t *testing.T) {
	for _, c := range []struct {
		name    string
		corrupt string
		want    []string // what is printed, of number 2, 3 or 5 of five
		things  int
	}{
		{"nothing wrong", "", []string{"6 records in 2 chains and 1 archive entries were checked\nnothing is wrong\n"}, 0},
		{"a record was changed", "UPDATE cookie_consent_records SET body = replace(body, 'fr', 'en') WHERE seq = 2", []string{"changed: record 2 of portal.example, instance "}, 1},
		{"a record is missing", "DELETE FROM cookie_consent_records WHERE seq = 3", []string{"missing: record 3 of portal.example, instance ", "the next one that is there is 4"}, 1},
		{"the end is cut off", "DELETE FROM cookie_consent_records WHERE seq >= 4", []string{"truncated: records 4 to 5 of portal.example, instance "}, 1},
		{"the archive is gone", "DELETE FROM cookie_consent_entries", []string{"archive missing: " + shown(t).Hash() + ": records name it"}, 1},
		{"two things", "UPDATE cookie_consent_records SET manifest = 'x' WHERE seq = 2; DELETE FROM cookie_consent_records WHERE seq = 5", []string{"changed: record 2", "truncated: record 5", "archive missing: x"}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			log := d.open(t)
			d.fill(t, log, "portal.example", 1, 2, 3, 4, 5)
			d.fill(t, log, "other.example", 6)
			if err := log.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			d.corrupt(t, c.corrupt) // beside the running log
			out, notes, err := d.run("verify")
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("printed\n%s\nwant %q", out, want)
				}
			}
			if notes != "" {
				t.Errorf("standard error, which is no terminal, has %q", notes)
			}
			switch {
			case c.things == 0 && err != nil:
				t.Error(err)
			case c.things > 0 && (err == nil || err.Error() != fmt.Sprintf("%d things are wrong", c.things)):
				t.Errorf("got %v, want %d things\n%s", err, c.things, out)
			}
		})
	}
}

func TestPurge(t *testing.T) {
	now := time.Now().UTC()
	for _, c := range []struct {
		name string
		args []string
		want string
		left int
	}{
		{"the configured retention", nil, "2 records from before ", 3},
		{"another one", []string{"--retention", "100d"}, "4 records from before ", 1},
		{"nothing that old", []string{"--retention", "3650d"}, "0 records from before ", 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			log := d.open(t)
			for n, days := range []int{800, 500, 300, 200, 1} {
				d.time = now.AddDate(0, 0, -days)
				d.fill(t, log, "portal.example", n)
			}
			if out := d.must(t, append([]string{"purge"}, c.args...)...); !strings.HasPrefix(out, c.want) {
				t.Errorf("printed %q, want %q", out, c.want)
			}
			if left := strings.Count(d.must(t, "export", "--format", "jsonl"), "\n"); left != c.left {
				t.Errorf("%d records are left, want %d", left, c.left)
			}
			d.time = now
			d.fill(t, log, "portal.example", 9) // the log goes on
			closed(t, log)
			d.must(t, "verify")
		})
	}
}

// A command is stopped as Caddy is: an error, no panic, nothing half done.
func TestAnEndedContextIsAnError(t *testing.T) {
	d := newDesk(t)
	log := d.open(t)
	d.fill(t, log, "portal.example", 1)
	closed(t, log)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range [][]string{{"export"}, {"verify"}, {"purge"}, {"archive", "list"}} {
		_, _, err := runIn(ctx, append(append([]string{"records"}, args...), "--config", d.config)...)
		if err == nil || err.Error() != "interrupted" {
			t.Errorf("%q: got %v", args, err)
		}
	}
}
