package cookieconsent

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// charterSite is a handler whose charter is a file.
func charterSite(t *testing.T, text string) (handler, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "charte.csv")
	save(t, file, text)
	return fmt.Sprintf(`{"handler": "cookie_consent", "charter": [%q]}`, file), file
}

// save replaces a file, as editors do.
func save(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until done, which a broken watch never is.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// adminHealth asks the admin API's handler, as Caddy's admin endpoint does.
func adminHealth(t *testing.T) health {
	t.Helper()
	api := adminAPI{}
	recorder := httptest.NewRecorder()
	if err := api.Routes()[0].Handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/cookie_consent/health", nil)); err != nil {
		t.Fatal(err)
	}
	var h health
	if err := json.Unmarshal(recorder.Body.Bytes(), &h); err != nil {
		t.Fatalf("%v in %s", err, recorder.Body)
	}
	return h
}

func TestChangesOfTheCharterAreTakenOver(t *testing.T) {
	watchInterval = 10 * time.Millisecond
	t.Cleanup(func() { watchInterval = time.Second })
	const head = "Provider;Cookie;Category;Ground\nA;sessionid;necessary;authentication\n"
	handler, file := charterSite(t, head)
	s := newSite(t)
	s.load(t, handle(handler, page))
	sets := func(want string) func() bool {
		return func() bool { return setCookies(s.get(t, "/", "")) == want }
	}
	if !sets("sessionid=1")() {
		t.Fatalf("before the change, the site sets %q", setCookies(s.get(t, "/", "")))
	}

	takeLog()
	save(t, file, head+"B;forgotten;necessary;security\n")
	eventually(t, "the new row counts", sets("sessionid=1 forgotten=3"))
	if log := takeLog(); !strings.Contains(log, "a change of the charter is in force") {
		t.Errorf("the log is %s", log)
	}
	good := adminHealth(t)
	if len(good.Sites) != 1 || good.Sites[0].Problem != "" || good.Sites[0].Charter[0] != file {
		t.Errorf("health = %+v", good)
	}

	save(t, file, head+"B;forgotten;Divers;\n")
	const mistake = `charte.csv, line 3: unknown category "Divers" of forgotten`
	eventually(t, "the mistake shows", func() bool { return strings.Contains(adminHealth(t).Sites[0].Problem, mistake) })
	if log := takeLog(); !strings.Contains(log, "is not taken over") || !strings.Contains(log, `unknown category`) {
		t.Errorf("the log is %s", log)
	}
	if !sets("sessionid=1 forgotten=3")() || adminHealth(t).Sites[0].Revision != good.Sites[0].Revision {
		t.Error("a broken charter is not what was before it")
	}

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a file that is gone shows", func() bool { return strings.Contains(adminHealth(t).Sites[0].Problem, "no such file") })
	save(t, file, head)
	eventually(t, "it is mended", sets("sessionid=1"))
	if problem := adminHealth(t).Sites[0].Problem; problem != "" {
		t.Errorf("mended, the problem is %q", problem)
	}
}

func TestHealthTakesGetAlone(t *testing.T) {
	err := (adminAPI{}).serveHealth(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/cookie_consent/health", nil))
	if e, ok := err.(caddy.APIError); !ok || e.HTTPStatus != http.StatusMethodNotAllowed {
		t.Errorf("POST: %v", err)
	}
	if h := (adminAPI{}).health(); h.Sites == nil || len(h.Sites) != 0 {
		t.Errorf("without an app: %+v", h)
	}
}
