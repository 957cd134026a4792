package records

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Schema is the version of the form of records.
const Schema = "cookie-consent-record/1"

// Decision is what one visitor decided at one moment. Append fills in Schema, ID,
// Time and Notice.Manifest.
type Decision struct {
	Schema string `json:"schema"`
	// ID of the record, a random UUID (version 4).
	ID string `json:"id"`
	// Subject is the random consent id that the visitor's cookie carries, as
	// SubjectID writes it. A withdrawal stands under the id that it ends.
	Subject string `json:"subject"`
	// Time of the decision by this machine's clock, UTC, in milliseconds.
	Time  time.Time `json:"time"`
	State State     `json:"state"`
	// Choices name every purpose of the site, granted or not.
	Choices []Choice `json:"choices"`
	Method  Method   `json:"method"`
	Notice  Notice   `json:"notice"`
	// Lang is the language of what was shown (BCP 47).
	Lang string `json:"lang"`
	// Site is what the choice holds for: a host, or the domain it is shared by.
	Site string `json:"site"`
	// Jurisdiction is the site's preset.
	Jurisdiction string `json:"jurisdiction"`
	// Expires is when a grant ends by itself. A withdrawal has none.
	Expires time.Time `json:"expires,omitzero"`
	// Prev is the ID of the record that this one replaces, when the caller knows
	// it (Log.Latest); else the order in time says it.
	Prev string `json:"prev,omitempty"`
}

// State is what became of the consent.
type State string

// States that are recorded. That a consent expired or was superseded follows from
// Expires, Prev and the order of a subject's records.
const (
	Given     State = "given"
	Withdrawn State = "withdrawn"
)

// Method is how the visitor expressed it.
type Method string

// Methods in use.
const (
	BannerAcceptAll Method = "banner-accept-all"
	BannerRefuseAll Method = "banner-refuse-all"
	Preferences     Method = "preferences"
	StandIn         Method = "stand-in"
	Withdraw        Method = "withdraw"
	API             Method = "api"
)

// Choice is the answer to one purpose, with each of its services.
type Choice struct {
	Purpose  string    `json:"purpose"`
	Answer   Answer    `json:"answer"`
	Services []Service `json:"services,omitempty"`
}

// Service is the answer to one service of a purpose.
type Service struct {
	ID      string `json:"id"`
	Granted bool   `json:"granted"`
}

// Answer is what was said to a purpose.
type Answer string

// Answers. The last two are those of purposes that need no consent.
const (
	Granted    Answer = "granted"
	Partial    Answer = "partial" // some of its services
	Denied     Answer = "denied"
	Unanswered Answer = "unanswered"
	Exempt     Answer = "exempt"
	Objected   Answer = "objected"
)

// Notice is what the visitor was shown.
type Notice struct {
	// Manifest is the hash of the archive entry: SHA-256, in hexadecimal digits.
	Manifest string `json:"manifest"`
	// Policy is the revision of the policy in force.
	Policy string `json:"policy"`
}

// SubjectID writes the consent id of a cookie as Decision.Subject has it: 32
// hexadecimal digits.
func SubjectID(id [16]byte) string { return hex.EncodeToString(id[:]) }

const (
	maxBody = 32 << 10 // bytes of one record
	maxSite = 255
)

func (d *Decision) check() error {
	subject, err := hex.DecodeString(d.Subject)
	switch {
	case err != nil || len(subject) != 16 || strings.ToLower(d.Subject) != d.Subject:
		return errors.New("a decision needs a subject of 32 hexadecimal digits")
	case d.State != Given && d.State != Withdrawn:
		return fmt.Errorf("a decision is given or withdrawn, not %q", d.State)
	case len(d.Choices) == 0:
		return errors.New("a decision needs choices")
	case d.Method == "" || d.Lang == "" || d.Jurisdiction == "" || d.Notice.Policy == "":
		return errors.New("a decision needs method, lang, jurisdiction and the revision of the policy")
	case d.State == Given && d.Expires.IsZero():
		return errors.New("a grant needs the time at which it expires")
	}
	return checkSite(d.Site)
}

func checkSite(site string) error {
	odd := func(c rune) bool { return c <= ' ' || c > '~' || c == '/' || c == '\\' }
	if site == "" || len(site) > maxSite || strings.ContainsFunc(site, odd) {
		return fmt.Errorf("a decision needs the host of its site, not %q", site)
	}
	return nil
}
