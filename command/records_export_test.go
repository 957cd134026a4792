package command_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

func TestExport(t *testing.T) {
	d := newDesk(t)
	log := d.open(t) // it runs while records are exported
	first := d.fill(t, log, "portal.example", 1, 2)
	d.time = today.AddDate(0, 0, 1)
	next := d.fill(t, log, "portal.example", 3)
	other := d.fill(t, log, "example", 4)
	for _, c := range []struct {
		name string
		args []string
		want []records.Record
	}{
		{"all, chain by chain", nil, []records.Record{other[0], first[0], first[1], next[0]}},
		{"one site", []string{"--site", "Portal.example"}, []records.Record{first[0], first[1], next[0]}},
		{"both days are included", []string{"--from", "2026-05-02", "--to", "2026-05-02"}, first},
		{"from a day on", []string{"--from", "2026-05-03"}, []records.Record{other[0], next[0]}},
		{"the last moment is not included", []string{"--to", "2026-05-02T12:00:01+02:00"}, first[:1]},
		{"the first moment is", []string{"--from", "2026-05-02T10:00:01Z", "--to", "2026-05-02"}, first[1:]},
		{"nothing", []string{"--site", "none.example"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := fmt.Sprint(idsOf(c.want))
			table, err := csv.NewReader(strings.NewReader(d.must(t, append([]string{"export"}, c.args...)...))).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, row := range table[1:] {
				ids = append(ids, row[0])
				if policy := row[14]; policy != "'=r1" {
					t.Errorf("a spreadsheet would take %q for a formula", policy)
				}
			}
			if fmt.Sprint(ids) != want {
				t.Errorf("CSV has %v, want %v", ids, want)
			}
			ids = nil
			for line := range strings.Lines(d.must(t, append([]string{"export", "--format", "jsonl"}, c.args...)...)) {
				var r records.Record
				if err := json.Unmarshal([]byte(line), &r); err != nil {
					t.Fatal(err)
				}
				ids = append(ids, r.ID)
			}
			if fmt.Sprint(ids) != want {
				t.Errorf("JSON Lines have %v, want %v", ids, want)
			}
		})
	}
}

func idsOf(all []records.Record) (ids []string) {
	for _, r := range all {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestExportToAFile(t *testing.T) {
	d := newDesk(t)
	log := d.open(t)
	d.fill(t, log, "portal.example", 1, 2)
	closed(t, log)
	file := filepath.Join(t.TempDir(), "export.csv")
	if out := d.must(t, "export", "--output", file); out != "" {
		t.Errorf("standard output has %q", out)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != d.must(t, "export") {
		t.Errorf("%v: the file is not what goes to standard output: %q", err, got)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v: others may read it: %v", err, info.Mode())
	}
	d.must(t, "export", "--output", "/dev/null")
	if info, err := os.Stat("/dev/null"); err != nil || info.Mode().IsRegular() {
		t.Error("a device was replaced by a file")
	}
	d.corrupt(t, "DROP TABLE cookie_consent_records")
	if _, _, err := d.run("export", "--output", file); err == nil {
		t.Error("an export without records works")
	}
	files, _ := os.ReadDir(filepath.Dir(file))
	if got, err := os.ReadFile(file); err != nil || strings.Count(string(got), "\n") != 3 || len(files) != 1 {
		t.Errorf("%v: an export that failed leaves %q, among %v", err, got, files)
	}
}

func TestExportLeavesOutWhatCannotBeRead(t *testing.T) {
	d := newDesk(t)
	log := d.open(t)
	all := d.fill(t, log, "portal.example", 1, 2, 3)
	closed(t, log)
	d.corrupt(t, "UPDATE cookie_consent_records SET body = 'lost' WHERE seq = 2")
	out, notes, err := d.run("export", "--format", "jsonl")
	if err == nil || !strings.Contains(err.Error(), "1 records cannot be read, and were left out; caddy cookie-consent records verify") {
		t.Errorf("got %v", err)
	}
	if strings.Count(out, "\n") != 2 || !strings.Contains(out, all[0].ID) || !strings.Contains(out, all[2].ID) {
		t.Errorf("exported\n%s", out)
	}
	if !strings.Contains(notes, "record 2 of portal.example, instance "+all[1].Instance) {
		t.Errorf("standard error is %q", notes)
	}
}
