package command

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// progress is a line of a terminal that tells how far a command is. A nil one shows
// nothing.
type progress struct {
	io.Writer
	total, shown int64
}

const (
	progressStep  = 1000 // records
	progressWidth = 30   // characters
	eraseLine     = "\r\x1b[K"
)

// progressOn returns the progress line of w, or nil where that is no terminal.
func progressOn(w io.Writer) *progress {
	file, ok := w.(*os.File)
	if !ok {
		return nil
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return &progress{Writer: w}
}

// at shows that done records are done, unless that changes little.
func (p *progress) at(done int64) {
	if p == nil || done < p.shown+progressStep && done != p.total {
		return
	}
	p.shown = done
	total := max(p.total, done, 1) // more can have come since they were counted
	full := int(done * progressWidth / total)
	_, _ = fmt.Fprintf(p, "%s%s%s %3d %%  %d of %d records", eraseLine,
		strings.Repeat("█", full), strings.Repeat("░", progressWidth-full), done*100/total, done, total)
}

// clear takes the line away. The next at shows it again.
func (p *progress) clear() {
	if p != nil {
		p.shown = -progressStep
		_, _ = io.WriteString(p, eraseLine)
	}
}
