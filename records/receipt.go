package records

import (
	"errors"
	"fmt"
	"time"
)

// ReceiptSchema is the version of the form of receipts. Its field names are those
// of ISO/IEC TS 27560:2023, as the W3C Data Privacy Vocabulary maps them.
const ReceiptSchema = "cookie-consent-receipt/1 (ISO/IEC TS 27560:2023)"

// About is what a receipt says beside the records.
type About struct {
	// Controller answers for the site; Address and Contact are how to reach it.
	Controller, Address, Contact string
	// Notice is the address of the charter, Withdrawal of the page where consent is
	// withdrawn, Rights of what says which rights there are.
	Notice, Withdrawal, Rights string
	// Retention is how long records are kept.
	Retention time.Duration
	// Purposes tell of purposes by id.
	Purposes map[string]AboutPurpose
}

// AboutPurpose is what a receipt says of a purpose.
type AboutPurpose struct {
	// Name and Description are in the language of the receipt.
	Name, Description string
	// Data names the personal data in use.
	Data []string
	// Recipients are the providers of its services.
	Recipients []string
}

// Receipt is a visitor's own copy of a consent record.
type Receipt struct {
	SchemaVersion  string              `json:"schema_version"`
	RecordID       string              `json:"record_id"`
	PIIPrincipalID string              `json:"pii_principal_id"`
	Processing     []ReceiptProcessing `json:"pii_processing"`
	Parties        []ReceiptParty      `json:"party_identification"`
	Events         []ReceiptEvent      `json:"events"`
	Integrity      ReceiptIntegrity    `json:"integrity"`
}

// ReceiptProcessing is one purpose, with the answer to it.
type ReceiptProcessing struct {
	PrivacyNotice   ReceiptNotice    `json:"privacy_notice"`
	Language        string           `json:"language"`
	Purpose         string           `json:"purpose"`
	PurposeName     string           `json:"purpose_name,omitempty"`
	Description     string           `json:"purpose_description,omitempty"`
	LawfulBasis     string           `json:"lawful_basis,omitempty"`
	Answer          Answer           `json:"answer"`
	Services        []Service        `json:"services,omitempty"`
	PIIInformation  []ReceiptPIIType `json:"pii_information"`
	PIIControllers  []string         `json:"pii_controllers"`
	Recipients      []string         `json:"recipient_third_parties"`
	Collection      Method           `json:"collection_method"`
	StorageLocation string           `json:"storage_locations"`
	RetentionPeriod string           `json:"retention_period,omitempty"`
	Service         string           `json:"service"`
	Jurisdiction    string           `json:"jurisdiction"`
	Withdrawal      string           `json:"withdrawal_method"`
	Rights          string           `json:"privacy_rights,omitempty"`
}

// ReceiptNotice is exactly what the visitor was shown.
type ReceiptNotice struct {
	Address  string `json:"url,omitempty"`
	Manifest string `json:"sha256"`
	Policy   string `json:"version"`
}

// ReceiptPIIType is one kind of personal data.
type ReceiptPIIType struct {
	Type string `json:"pii_type"`
}

// ReceiptParty is somebody with a part in the processing.
type ReceiptParty struct {
	ID      string `json:"party_id"`
	Name    string `json:"party_name"`
	Role    string `json:"party_role"`
	Type    string `json:"party_type"`
	Address string `json:"party_address,omitempty"`
	Contact string `json:"party_contact,omitempty"`
}

// ReceiptEvent is one decision of the visitor.
type ReceiptEvent struct {
	RecordID string    `json:"record_id"`
	Time     time.Time `json:"event_time"`
	Type     string    `json:"event_type"`
	State    string    `json:"event_state"`
	// Validity is an ISO 8601 duration, from Time.
	Validity string `json:"validity_duration,omitempty"`
	Entity   string `json:"entity_id"`
	Method   Method `json:"expression_method"`
}

// ReceiptIntegrity lets the owner of the site find the record in its chain.
type ReceiptIntegrity struct {
	Instance string `json:"instance"`
	Seq      int64  `json:"seq"`
	Hash     string `json:"hash"`
}

// Terms of the Data Privacy Vocabulary.
const (
	dpv         = "https://w3id.org/dpv#"
	dpvConsent  = dpv + "Consent"
	dpvExpress  = dpv + "ExpressedConsent"
	dpvGiven    = dpv + "ConsentGiven"
	dpvWithdraw = dpv + "ConsentWithdrawn"

	partyController = "controller"
	onDevice        = "the visitor's device"
)

// NewReceipt makes the receipt of the last of a subject's records, as Show returns
// them; the others are its earlier events.
func NewReceipt(history []Record, about About) (*Receipt, error) {
	if len(history) == 0 {
		return nil, errors.New("receipt: no record")
	}
	last := &history[len(history)-1]
	r := &Receipt{
		SchemaVersion: ReceiptSchema, RecordID: last.ID, PIIPrincipalID: last.Subject,
		Parties: []ReceiptParty{
			{partyController, about.Controller, "PII controller", "controller", about.Address, about.Contact},
			{ID: last.Subject, Name: last.Subject, Role: "PII principal", Type: "visitor"},
		},
		Integrity: ReceiptIntegrity{last.Instance, last.Seq, last.Hash},
	}
	for _, choice := range last.Choices {
		r.Processing = append(r.Processing, processing(last, choice, about))
	}
	for i := range history {
		r.Events = append(r.Events, event(&history[i]))
	}
	return r, nil
}

func processing(r *Record, c Choice, about About) ReceiptProcessing {
	purpose := about.Purposes[c.Purpose]
	p := ReceiptProcessing{
		PrivacyNotice: ReceiptNotice{about.Notice, r.Notice.Manifest, r.Notice.Policy}, Language: r.Lang,
		Purpose: c.Purpose, PurposeName: purpose.Name, Description: purpose.Description,
		Answer: c.Answer, Services: c.Services, PIIInformation: []ReceiptPIIType{},
		PIIControllers: []string{partyController}, Recipients: append([]string{}, purpose.Recipients...),
		Collection: r.Method, StorageLocation: onDevice, RetentionPeriod: duration(about.Retention),
		Service: r.Site, Jurisdiction: r.Jurisdiction, Withdrawal: about.Withdrawal, Rights: about.Rights,
	}
	if c.Answer != Exempt && c.Answer != Objected {
		p.LawfulBasis = dpvConsent
	}
	for _, kind := range purpose.Data {
		p.PIIInformation = append(p.PIIInformation, ReceiptPIIType{kind})
	}
	return p
}

func event(r *Record) ReceiptEvent {
	e := ReceiptEvent{RecordID: r.ID, Time: r.Time, Type: dpvExpress, State: dpvGiven, Entity: r.Subject, Method: r.Method}
	if r.State == Withdrawn {
		e.State = dpvWithdraw
	} else {
		e.Validity = duration(r.Expires.Sub(r.Time.Truncate(time.Second)))
	}
	return e
}

// duration writes d as ISO 8601 does, in whole days where it is that.
func duration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d <= 0:
		return ""
	case d%day == 0:
		return fmt.Sprintf("P%dD", d/day)
	}
	return fmt.Sprintf("PT%dS", d/time.Second)
}
