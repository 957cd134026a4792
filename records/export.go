package records

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
)

// WriteJSONL writes records as JSON Lines, and returns how many. A line without
// its last field, hash, is the text that the hash was taken of. Records that cannot
// be read are left out, and returned as errors at the end.
func WriteJSONL(w io.Writer, records iter.Seq2[Record, error]) (n int64, err error) {
	buffered := bufio.NewWriterSize(w, 64<<10)
	n, err = writeEach(records, func(r *Record) error {
		text, ok := strings.CutSuffix(r.body, "}")
		if !ok {
			return fmt.Errorf("record %s was not read from a store", r.ID)
		}
		_, err := fmt.Fprintf(buffered, "%s,\"hash\":%q}\n", text, r.Hash)
		return err
	})
	return n, errors.Join(err, buffered.Flush())
}

// maxDamaged is how many unreadable records are told one by one.
const maxDamaged = 100

// writeEach calls write with each record, and leaves out those that are damaged.
func writeEach(records iter.Seq2[Record, error], write func(*Record) error) (n int64, err error) {
	var damaged []error
	for r, err := range records {
		if broken := (*DamagedError)(nil); errors.As(err, &broken) {
			if len(damaged) < maxDamaged {
				damaged = append(damaged, err)
			}
			continue
		}
		if err == nil {
			err = write(&r)
		}
		if err != nil {
			return n, errors.Join(append(damaged, err)...)
		}
		n++
	}
	return n, errors.Join(damaged...)
}

var csvHeader = []string{
	"id", "subject", "time", "state", "method", "granted", "denied", "other", "lang", "site", "jurisdiction",
	"expires", "prev", "manifest", "policy", "instance", "seq", "key", "chain", "hash",
}

// WriteCSV writes records as CSV (RFC 4180) with a header, and returns how many.
// Purposes and services stand in lists with spaces between. No field can be taken
// for a formula by a spreadsheet: an apostrophe goes before what could.
func WriteCSV(w io.Writer, records iter.Seq2[Record, error]) (n int64, err error) {
	table := csv.NewWriter(w) // has a buffer
	table.UseCRLF = true
	if err := table.Write(csvHeader); err != nil {
		return 0, err
	}
	n, err = writeEach(records, func(r *Record) error { return table.Write(csvFields(r)) })
	table.Flush()
	return n, errors.Join(err, table.Error())
}

func csvFields(r *Record) []string {
	granted, denied, other := r.lists()
	expires := ""
	if !r.Expires.IsZero() {
		expires = r.Expires.Format(time.RFC3339)
	}
	fields := []string{
		r.ID, r.Subject, r.Time.Format("2006-01-02T15:04:05.000Z07:00"), string(r.State), string(r.Method),
		granted, denied, other, r.Lang, r.Site, r.Jurisdiction,
		expires, r.Prev, r.Notice.Manifest, r.Notice.Policy, r.Instance, strconv.FormatInt(r.Seq, 10), strconv.Itoa(r.Key), r.Chain, r.Hash,
	}
	for i, field := range fields {
		fields[i] = plain(field)
	}
	return fields
}

// plain keeps spreadsheets from reading a field as a formula.
func plain(field string) string {
	if field != "" && strings.ContainsRune("=+-@\t\r\n", rune(field[0])) {
		return "'" + field
	}
	return field
}

// lists returns what was granted and what was denied, purposes and services; and
// the other answers, with the purpose before each.
func (d *Decision) lists() (granted, denied, other string) {
	var yes, no, others []string
	for _, c := range d.Choices {
		switch c.Answer {
		case Granted:
			yes = append(yes, c.Purpose)
		case Denied, Objected:
			no = append(no, c.Purpose)
		default:
			others = append(others, c.Purpose+":"+string(c.Answer))
		}
		for _, service := range c.Services {
			if service.Granted {
				yes = append(yes, service.ID)
			} else {
				no = append(no, service.ID)
			}
		}
	}
	return strings.Join(yes, " "), strings.Join(no, " "), strings.Join(others, " ")
}
