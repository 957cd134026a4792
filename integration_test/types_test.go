package integration_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// usesTypes is a program that uses all that is declared, and what it must not.
const usesTypes = `/// <reference path="cookie-consent.d.ts" />
const state: "unanswered" | "answered" | "outdated" | "gpc" = window.cookieConsent.state;
const granted: boolean = window.cookieConsent.granted("media");
window.cookieConsent.open().then(() => window.cookieConsent.allow(["maps", "video"]));
window.cookieConsent.allow("maps").then(choice => choice.granted.map(id => id.length));
window.cookieConsent.accept().then(choice => choice.time?.length);
window.cookieConsent.refuse().then(choice => choice.objected.length);
addEventListener("cookieconsent:change", event => event.detail.state === "gpc");
// @ts-expect-error it is read-only
window.cookieConsent.state = "answered";
// @ts-expect-error there is no such state
state === "refused";
// @ts-expect-error an id is needed
window.cookieConsent.granted();
`

func TestTypes(t *testing.T) {
	dir := t.TempDir()
	run := func(command string, args ...string) {
		if out, err := exec.Command(command, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	run("tar", "-xzf", npmPackage(t, "typescript", "5.9.3"), "-C", dir)
	types, err := os.ReadFile("../cookie-consent.d.ts")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"cookie-consent.d.ts": string(types), "use.ts": usesTypes} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("node", filepath.Join(dir, "package/lib/tsc.js"), "--strict", "--noEmit", "--target", "es2022", filepath.Join(dir, "use.ts"))
}
