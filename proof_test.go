package cookieconsent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/certmagic"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

// keptRecords reads the records of a site's database, as the operators' commands do.
func keptRecords(t *testing.T, s *site, file string) []records.Record {
	t.Helper()
	store, err := records.OpenStore(context.Background(), records.Options{SQLite: file, Storage: &certmagic.FileStorage{Path: s.storage}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	var kept []records.Record
	for r, err := range store.Export(context.Background(), records.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, r)
	}
	return kept
}

// recordingSite keeps its records in a file of its own.
func recordingSite(t *testing.T) (s *site, file string) {
	s = newSite(t)
	file = filepath.Join(t.TempDir(), "records.db")
	s.app = `{"records": "sqlite", "records_to": "` + file + `"}`
	return s, file
}

// chooseWith answers as who has a preference cookie.
func (s *site) chooseWith(t *testing.T, choice, cookie string) *answer {
	t.Helper()
	r := s.choiceRequest(t, choice)
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	return s.do(t, r)
}

func TestGrantsAndWithdrawalsAreRecorded(t *testing.T) {
	s, file := recordingSite(t)
	s.address = "portal.example:8080"
	s.load(t, handle(declared, page))
	if refused := s.choose(t, "refuse_all"); refused.StatusCode != http.StatusSeeOther {
		t.Fatalf("a first refusal: status %d", refused.StatusCode)
	}
	granted := s.choose(t, "accept_all")
	receipt := s.get(t, "/cookie-consent/receipt", granted.preference)
	if receipt.StatusCode != http.StatusOK {
		t.Fatalf("the receipt: status %d, %s", receipt.StatusCode, receipt.body)
	}
	if withdrawn := s.chooseWith(t, "refuse_all", granted.preference); withdrawn.StatusCode != http.StatusSeeOther {
		t.Fatalf("a withdrawal: status %d", withdrawn.StatusCode)
	}

	kept := keptRecords(t, s, file)
	if len(kept) != 2 {
		t.Fatalf("%d records, want a grant and a withdrawal", len(kept))
	}
	grant, withdrawal := kept[0], kept[1]
	if grant.State != records.Given || grant.Method != records.BannerAcceptAll || grant.Jurisdiction != "fr" || grant.Lang != "fr" ||
		len(grant.Choices) != 2 || grant.Choices[0].Answer != records.Granted || !grant.Choices[0].Services[0].Granted || grant.Expires.Sub(grant.Time).Hours() < 181*24 {
		t.Errorf("the grant is %+v", grant)
	}
	if withdrawal.State != records.Withdrawn || withdrawal.Subject != grant.Subject || withdrawal.Prev != grant.ID || withdrawal.Choices[0].Answer != records.Denied {
		t.Errorf("the withdrawal is %+v", withdrawal)
	}
	var said records.Receipt
	if err := json.Unmarshal([]byte(receipt.body), &said); err != nil || said.RecordID != grant.ID || said.PIIPrincipalID != grant.Subject ||
		len(said.Processing) != 2 || !strings.HasSuffix(said.Processing[0].Withdrawal, "/cookie-consent/") {
		t.Errorf("%v in the receipt %s", err, receipt.body)
	}

	// nothing of the visitor but the random id
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	wal, _ := os.ReadFile(file + "-wal")
	for _, private := range []string{"127.0.0.1", "Go-http-client", "User-Agent", "Referer"} {
		if bytes.Contains(data, []byte(private)) || bytes.Contains(wal, []byte(private)) {
			t.Errorf("the database holds %q", private)
		}
	}

	// what was shown is in the archive, whole
	store, err := records.OpenStore(context.Background(), records.Options{SQLite: file, Storage: &certmagic.FileStorage{Path: s.storage}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	shown, err := store.Entry(context.Background(), grant.Notice.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"banner.fr.html"`, `"charter.en.html"`, `"banner.css"`, `"banner.js"`, `"policy.json"`, `"versions.json"`} {
		if !bytes.Contains(shown.Manifest(), []byte(part)) {
			t.Errorf("the archive has no %s: %s", part, shown.Manifest())
		}
	}
	if found, err := store.Verify(context.Background(), func(f records.Finding) { t.Errorf("%+v", f) }, nil); err != nil {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestRecordsThatCannotBeOpened(t *testing.T) {
	s, file := recordingSite(t)
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	s.load(t, handle(declared, page))
	if granted := s.choose(t, "accept_all"); granted.StatusCode != http.StatusServiceUnavailable || granted.preference != "" {
		t.Errorf("a grant: status %d, cookie %q", granted.StatusCode, granted.preference)
	}
	if refused := s.choose(t, "refuse_all"); refused.StatusCode != http.StatusSeeOther || refused.preference == "" {
		t.Errorf("a refusal: status %d, cookie %q", refused.StatusCode, refused.preference)
	}
	if page := s.get(t, "/", ""); page.StatusCode != http.StatusOK {
		t.Errorf("the site: status %d", page.StatusCode)
	}
	if h := adminHealth(t); h.Records == nil || h.Records.Problem == "" {
		t.Errorf("health = %+v", h.Records)
	}
}

func TestRecordsOff(t *testing.T) {
	s := newSite(t)
	s.app = `{"records": "off"}`
	s.load(t, handle(declared, page))
	granted := s.choose(t, "accept_all")
	if granted.StatusCode != http.StatusSeeOther {
		t.Fatalf("a grant: status %d", granted.StatusCode)
	}
	if receipt := s.get(t, "/cookie-consent/receipt", granted.preference); receipt.StatusCode != http.StatusNotFound {
		t.Errorf("a receipt: status %d", receipt.StatusCode)
	}
	if h := adminHealth(t); h.Records != nil {
		t.Errorf("health = %+v", h.Records)
	}
}

// Records go on in one chain over reloads.
func TestRecordsSurviveReloads(t *testing.T) {
	s, file := recordingSite(t)
	for range 3 {
		s.load(t, handle(declared, page))
		if granted := s.choose(t, "accept_all"); granted.StatusCode != http.StatusSeeOther {
			t.Fatalf("status %d", granted.StatusCode)
		}
	}
	kept := keptRecords(t, s, file)
	for i, r := range kept {
		if r.Seq != int64(i+1) || r.Instance != kept[0].Instance {
			t.Errorf("record %d is number %d of %s", i, r.Seq, r.Instance)
		}
	}
	if len(kept) != 3 {
		t.Errorf("%d records, want 3", len(kept))
	}
}

func TestChainsAreBounded(t *testing.T) {
	b := &books{}
	for i := range maxChains {
		if site := fmt.Sprintf("h%d.example", i); b.chain(site) != site {
			t.Fatalf("%s has no chain", site)
		}
	}
	if got := b.chain("one-more.example"); got != "*" {
		t.Errorf("one more has the chain %s", got)
	}
	if got := b.chain("h7.example"); got != "h7.example" {
		t.Errorf("a known one has the chain %s", got)
	}
}

// Who comes late to records that a configuration has closed does not open them again.
func TestClosedRecordsStayClosed(t *testing.T) {
	b := newBooks("sqlite")
	if err := b.Destruct(); err != nil {
		t.Fatal(err)
	}
	if log, err := b.open(&App{}); log != nil || !errors.Is(err, errClosed) {
		t.Errorf("opened again: %v, %v", log, err)
	}
}
