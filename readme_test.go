package cookieconsent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// TestReadmeCaddyfiles adapts every Caddyfile the README shows. Those that are
// parts of a block are put into one.
func TestReadmeCaddyfiles(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(readme), "```caddyfile\n")[1:]
	if len(blocks) < 4 {
		t.Fatalf("%d Caddyfiles", len(blocks))
	}
	const service = "service login {\ncategory necessary authentication\ncookie sessionid\n}\n"
	charter := filepath.Join(t.TempDir(), "charte.csv")
	_, table, _ := strings.Cut(string(readme), "```csv\n")
	table, _, _ = strings.Cut(table, "```")
	if err := os.WriteFile(charter, []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		block = strings.ReplaceAll(block, "# …", service)
		switch first := strings.Fields(block)[0]; first {
		case "service":
			block = ":80 {\ncookie_consent {\n" + block + "}\n}\n"
		case "route":
			block = ":80 {\n" + block + "}\n"
		}
		block = strings.ReplaceAll(block, "charte.csv", charter)
		data, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(block), nil)
		if err != nil {
			t.Errorf("%s\n%v", block, err)
		}
		for _, warning := range warnings {
			if !strings.Contains(warning.Message, "not formatted") {
				t.Errorf("%s\n%v", block, warning)
			}
		}
		if !strings.Contains(string(data), "cookie_consent") {
			t.Errorf("%s\nhas no cookie_consent", block)
		}
	}
}
