package records

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
)

// A spool is a row of segments. Each is a file: segmentMagic, then frames.
//
//	frame:   length of the payload (4 bytes), CRC-32C of length and payload (4 bytes), payload
//	payload: 'I', JSON of opening: the first frame
//	         'T', number (8 bytes), hash (32 bytes), site: where a chain stands at the beginning
//	         'R', number (8 bytes), hash (32 bytes), length of the site (1 byte), site, body: a record
//
// A segment says where all chains stand, so that those before it can go.
const (
	segmentMagic = "cookie-consent spool 1\n"
	frameHeader  = 8
	maxPayload   = maxBody + maxSite + 128

	frameOpening = 'I'
	frameTail    = 'T'
	frameRecord  = 'R'
)

// opening begins a segment.
type opening struct {
	Instance string `json:"instance"`
	// Replaces: what stands in the segments before has been taken over.
	Replaces bool `json:"replaces,omitempty"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendFrame adds the frame of a payload given in parts.
func appendFrame(dst []byte, parts ...[]byte) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, frameHeader)...)
	for _, part := range parts {
		dst = append(dst, part...)
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-frameHeader))
	binary.BigEndian.PutUint32(dst[start+4:], checksum(dst[start:start+4], dst[start+frameHeader:]))
	return dst
}

func checksum(length, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli), castagnoli, payload)
}

// readFrame returns the payload at the beginning of data, if it is whole.
func readFrame(data []byte) (payload []byte, ok bool) {
	if len(data) <= frameHeader {
		return nil, false
	}
	n := binary.BigEndian.Uint32(data)
	if n == 0 || n > maxPayload || int(n) > len(data)-frameHeader {
		return nil, false
	}
	payload = data[frameHeader : frameHeader+int(n)]
	return payload, checksum(data[:4], payload) == binary.BigEndian.Uint32(data[4:])
}

// scan calls f with each payload in data and the offset behind it. Bytes that are
// no frame are passed over up to the next frame; scan returns how many those were,
// and the offset behind the last frame, after which none is whole.
func scan(data []byte, f func(payload []byte, end int) error) (end, damaged int, err error) {
	for at := 0; at < len(data); {
		payload, ok := readFrame(data[at:])
		if !ok {
			at++
			continue
		}
		damaged += at - end
		at += frameHeader + len(payload)
		end = at
		if err := f(payload, end); err != nil {
			return end, damaged, err
		}
	}
	return end, damaged, nil
}

func openingFrame(dst []byte, o opening) ([]byte, error) {
	data, err := json.Marshal(o)
	return appendFrame(dst, []byte{frameOpening}, data), err
}

func tailFrame(dst []byte, site string, t tail) []byte {
	number := binary.BigEndian.AppendUint64([]byte{frameTail}, uint64(t.seq))
	return appendFrame(dst, number, t.hash[:], []byte(site))
}

func recordFrame(dst []byte, r *row) []byte {
	number := binary.BigEndian.AppendUint64([]byte{frameRecord}, uint64(r.seq))
	return appendFrame(dst, number, r.hash[:], []byte{byte(len(r.site))}, []byte(r.site), []byte(r.body))
}

var errFrame = errors.New("spool: a frame of an unknown form")

// tailOf reads the payload of a frameTail, or the beginning of a frameRecord.
func tailOf(payload []byte) (t tail, rest []byte, err error) {
	if len(payload) < 1+8+len(t.hash) {
		return t, nil, errFrame
	}
	t.seq = int64(binary.BigEndian.Uint64(payload[1:]))
	return t, payload[9+copy(t.hash[:], payload[9:]):], nil
}

// recordOf reads the payload of a frameRecord: the end of the chain of site after
// it, and its body.
func recordOf(payload []byte) (site string, t tail, body []byte, err error) {
	t, rest, err := tailOf(payload)
	if err != nil || len(rest) == 0 || len(rest) < 1+int(rest[0]) {
		return "", t, nil, errFrame
	}
	n := 1 + int(rest[0])
	return string(rest[1:n]), t, rest[n:], nil
}

// rowOf reads the payload of a frameRecord as a row.
func rowOf(payload []byte) (row, error) {
	_, t, body, err := recordOf(payload)
	if err != nil {
		return row{}, err
	}
	var r Record
	if err := json.Unmarshal(body, &r); err != nil {
		return row{}, errFrame
	}
	stored := r.row(string(body))
	stored.hash = t.hash
	return stored, nil
}
