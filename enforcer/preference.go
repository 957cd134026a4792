package enforcer

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/policy"
)

// The stored choice, before base64url:
//
//	version, key id, flags: 1 byte each
//	time of the choice: 5 bytes, Unix seconds
//	consent id: 16 bytes, only with flagID
//	for each answered category: its key (3 bytes), the answer (1 byte), and when
//	something of it is granted, what was granted: digest (4 bytes), days (2
//	bytes), and for Partial a length and the bitmap of its services by id
//	signature: 16 bytes of HMAC-SHA256 over site, cookie name and all of this
const (
	formatVersion = 1
	flagWhole     = 1 << 0
	flagID        = 1 << 1
	macLength     = 16
	maxStored     = 400 // bytes of text
	clockSkew     = 5 * 60
)

// Keyring signs with its first key and verifies with all. Its zero value has no
// key and must not be used.
type Keyring struct{ keys []*key }

type key struct {
	id   byte
	macs sync.Pool
}

// macState is what one signature needs, kept to spare allocations.
type macState struct {
	hash.Hash
	message []byte
	sum     [sha256.Size]byte
}

// NewKeyring returns a Keyring of secrets by key id, the signing one first. A
// secret has at least 32 bytes.
func NewKeyring(ids []byte, secrets [][]byte) (*Keyring, error) {
	ring := &Keyring{}
	for i, secret := range secrets {
		if len(secret) < sha256.Size {
			return nil, errors.New("a key has fewer than 32 bytes")
		}
		if bytes.IndexByte(ids, ids[i]) != i {
			return nil, fmt.Errorf("two keys have the id %d", ids[i])
		}
		k := &key{id: ids[i]}
		k.macs.New = func() any { return &macState{Hash: hmac.New(sha256.New, secret)} }
		ring.keys = append(ring.keys, k)
	}
	if len(ring.keys) == 0 {
		return nil, errors.New("no key")
	}
	return ring, nil
}

// sum appends the signature of payload, as the cookie called name of site.
func (k *key) sum(dst []byte, site, name string, payload []byte) []byte {
	m := k.macs.Get().(*macState)
	m.Reset()
	m.message = append(m.message[:0], site...)
	m.message = append(m.message, 0)
	m.message = append(m.message, name...)
	m.message = append(m.message, 0)
	m.message = append(m.message, payload...)
	_, _ = m.Write(m.message) // a hash never fails
	dst = append(dst, m.Sum(m.sum[:0])[:macLength]...)
	k.macs.Put(m)
	return dst
}

// choice reads the preference cookie. Unreadable copies are ignored beside a
// valid one; several valid ones count as what they all grant (design 1.4).
func (v *Visit) choice(lines []string) policy.Choice {
	var choice policy.Choice
	p := &v.enforcer.Policy.Preference
	found := false
	for _, line := range lines {
		if !strings.Contains(line, p.Name) {
			continue
		}
		eachCookie(line, p.Name, func(value string) {
			c, ok := v.enforcer.decode(v.Site(), value)
			switch {
			case ok && found:
				choice = choice.Intersect(c)
			case ok:
				choice, found = c, true
			}
		})
	}
	return choice
}

// Site names what a choice is valid for: the domain it is shared by, or the host.
func (v *Visit) Site() string {
	if domain := v.cookieDomain(); domain != "" {
		return domain
	}
	return v.Host
}

// cookieDomain returns the Domain of the preference cookie, empty for host-only.
func (v *Visit) cookieDomain() string {
	domain := v.enforcer.Policy.Preference.Domain
	parent, isBelow := strings.CutSuffix(v.Host, domain)
	if domain != "" && isBelow && (parent == "" || strings.HasSuffix(parent, ".")) {
		return domain
	}
	return ""
}

// decode reads and verifies a stored choice. An answer whose purpose is unknown
// or has changed since is left out.
func (e *Enforcer) decode(site, value string) (c policy.Choice, ok bool) {
	var text, data [maxStored]byte
	if len(value) > maxStored {
		return c, false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(data[:], text[:copy(text[:], value)])
	if err != nil || n < 8+macLength || data[0] != formatVersion {
		return c, false
	}
	payload, mac := data[:n-macLength], data[n-macLength:n]
	ring, err := e.Keys()
	if err != nil || !ring.verify(site, e.Policy.Preference.Name, payload, mac) {
		return c, false
	}
	c.Whole = payload[2]&flagWhole != 0
	c.Time = int64(payload[3])<<32 | int64(binary.BigEndian.Uint32(payload[4:8]))
	now := e.Now().Unix()
	if c.Time > now+clockSkew || now-c.Time >= int64(e.Policy.Preference.Lifetime/time.Second) {
		return policy.Choice{}, false
	}
	rest := payload[8:]
	if payload[2]&flagID != 0 {
		if len(rest) < len(c.ID) {
			return policy.Choice{}, false
		}
		rest = rest[copy(c.ID[:], rest):]
	}
	for len(rest) > 0 {
		if rest, ok = e.decodeAnswer(&c, rest); !ok {
			return policy.Choice{}, false
		}
	}
	return c, true
}

func (k *Keyring) verify(site, name string, payload, mac []byte) bool {
	for _, key := range k.keys {
		if key.id == payload[1] {
			var sum [macLength]byte
			return subtle.ConstantTimeCompare(key.sum(sum[:0], site, name, payload), mac) == 1
		}
	}
	return false
}

// decodeAnswer reads the answer to one category into c and returns the rest.
func (e *Enforcer) decodeAnswer(c *policy.Choice, data []byte) (rest []byte, ok bool) {
	if len(data) < 4 {
		return nil, false
	}
	at, purpose := e.purpose([3]byte(data[:3]))
	answer, data := policy.Answer(data[3]), data[4:]
	if answer == policy.Withheld {
		if purpose != nil {
			c.Answers[at] = answer
		}
		return data, true
	}
	if len(data) < 6 {
		return nil, false
	}
	current := purpose != nil && !purpose.Exempt &&
		[4]byte(data[:4]) == purpose.Digest && purpose.Days <= binary.BigEndian.Uint16(data[4:6])
	data = data[6:]
	var bitmap []byte
	if answer == policy.Partial {
		if len(data) < 1 || len(data) < 1+int(data[0]) {
			return nil, false
		}
		bitmap, data = data[1:1+data[0]], data[1+data[0]:]
	} else if answer != policy.Given {
		return nil, false
	}
	if !current {
		return data, true
	}
	c.Answers[at] = answer
	for i, service := range purpose.Order {
		if answer == policy.Given || i/8 < len(bitmap) && bitmap[i/8]&(1<<(i%8)) != 0 {
			c.Services.Add(service)
		}
	}
	return data, true
}

func (e *Enforcer) purpose(key [3]byte) (int, *policy.Purpose) {
	for i, purpose := range e.Policy.Active {
		if purpose.Key == key {
			return i, purpose
		}
	}
	return 0, nil
}

// encode returns the signed text of c for site.
func (e *Enforcer) encode(site string, c *policy.Choice) (string, error) {
	ring, err := e.Keys()
	if err != nil {
		return "", err
	}
	data := []byte{formatVersion, ring.keys[0].id, 0, byte(c.Time >> 32)}
	data = binary.BigEndian.AppendUint32(data, uint32(c.Time))
	if c.Whole {
		data[2] |= flagWhole
	}
	if c.Grants() {
		data[2] |= flagID
		data = append(data, c.ID[:]...)
	}
	for i, purpose := range e.Policy.Active {
		data = appendAnswer(data, c, c.Answers[i], purpose)
	}
	data = ring.keys[0].sum(data, site, e.Policy.Preference.Name, data)
	return base64.RawURLEncoding.EncodeToString(data), nil
}

func appendAnswer(data []byte, c *policy.Choice, answer policy.Answer, purpose *policy.Purpose) []byte {
	if answer == policy.Unasked {
		return data
	}
	data = append(append(data, purpose.Key[:]...), byte(answer))
	if answer == policy.Withheld {
		return data
	}
	data = append(data, purpose.Digest[:]...)
	data = binary.BigEndian.AppendUint16(data, purpose.Days)
	if answer == policy.Partial {
		bitmap := make([]byte, (len(purpose.Order)+7)/8)
		for i, service := range purpose.Order {
			if c.Services.Has(service) {
				bitmap[i/8] |= 1 << (i % 8)
			}
		}
		data = append(append(data, byte(len(bitmap))), bitmap...)
	}
	return data
}

// Identify gives c the consent id under which it is kept: that of the choice it
// replaces, or else a random one, while it grants something, and none when it does not
//
func (v *Visit) Identify(c *policy.Choice) {
	switch previous := v.Standing.Choice.ID; {
	case !c.Grants():
		c.ID = [16]byte{}
	case previous != [16]byte{}:
		c.ID = previous
	case c.ID == [16]byte{}:
		_, _ = rand.Read(c.ID[:]) // never fails
	}
}

// Store adds to h the Set-Cookie lines that keep c in the visitor's browser, and
// expires copies of the cookie that stand elsewhere. c must be identified. An error
// means that nothing was stored: no key.
func (v *Visit) Store(h http.Header, c *policy.Choice) error {
	e, p := v.enforcer, &v.enforcer.Policy.Preference
	value, err := e.encode(v.Site(), c)
	if err != nil {
		return err
	}
	domain := v.cookieDomain()
	for _, line := range v.otherIdentities(domain) {
		h.Add("Set-Cookie", line)
	}
	age := c.Time + int64(p.Lifetime/time.Second) - e.Now().Unix()
	line := p.Name + "=" + value + "; Path=/; Max-Age=" + strconv.FormatInt(age, 10) + "; HttpOnly; SameSite=Lax"
	if domain != "" {
		line += "; Domain=" + domain
	}
	if v.HTTPS || hasPrefixFold(p.Name, "__") {
		line += "; Secure"
	}
	h.Add("Set-Cookie", line)
	return nil
}
