package banner

import "strings"

// vendors are those whose scripts can be told the choice, by the name of the
// signal.
var vendors = map[string]string{
	"google_consent_mode": "Google",
	"microsoft_uet":       "Microsoft Advertising",
	"microsoft_clarity":   "Microsoft Clarity",
	"matomo":              "Matomo",
	"meta_pixel":          "Meta",
}

// signalled names the vendors of signals.
func signalled(signals []string) string {
	var names []string
	for _, signal := range signals {
		names = append(names, vendors[signal])
	}
	return strings.Join(names, ", ")
}
