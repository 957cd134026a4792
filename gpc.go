package cookieconsent

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// gpcFile is where a site says whether it honours Global Privacy Control.
const gpcFile = "/.well-known/gpc.json"

// gpcSupported is what it says where it says nothing itself. The date is
// that of the rules by which the signal is honoured here.
const gpcSupported = `{"gpc": true, "lastUpdate": "2026-11-24"}` + "\n"

// serveGPC answers for a site that has no such file.
func (h *Handler) serveGPC(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	missing := caddyhttp.NewResponseRecorder(w, new(bytes.Buffer), func(status int, _ http.Header) bool { return status == http.StatusNotFound })
	err := next.ServeHTTP(missing, r)
	var failed caddyhttp.HandlerError
	absent := errors.As(err, &failed) && failed.StatusCode == http.StatusNotFound
	if !absent && (err != nil || !missing.Buffered()) {
		return err
	}
	header := w.Header()
	clear(header)
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(gpcSupported)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	_, err = w.Write([]byte(gpcSupported))
	return err
}
