package enforcer

import (
	"net/http"
	"strings"
	"testing"
)

// What depends on the choice is for this visitor alone, whatever it is.
func TestAnswersThatDependOnTheChoice(t *testing.T) {
	e := newEnforcer(t, declaration())
	for _, row := range []struct {
		name    string
		granted []string
		field   string
		value   string
		private bool
	}{
		{"nothing of it", []string{"marketing"}, "X-Own", "a", false},
		{"a necessary cookie", []string{"marketing"}, "Set-Cookie", "lang=fr", false},
		{"a cookie that was granted", []string{"marketing"}, "Set-Cookie", "ads_id=1", true},
		{"a cookie that was refused", []string{}, "Set-Cookie", "ads_id=1", false},
		{"a cookie that can be objected to", []string{}, "Set-Cookie", "plain=1", true},
		{"what the site tells to vary", []string{}, "Vary", "Accept, cookie-consent", true},
		{"what varies by something else", []string{}, "Vary", "Accept", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := http.Header{"Cache-Control": {"public, max-age=60"}, row.field: {row.value}}
			begin(e, visitor(t, e, row.granted)).enforceHeader(h, true)
			private := h.Get("Cache-Control") == "private, max-age=60" && strings.HasSuffix(strings.Join(h["Vary"], ", "), "Cookie, Sec-GPC")
			if private != row.private {
				t.Errorf("%v, want it for this visitor alone: %t", h, row.private)
			}
		})
	}
}
