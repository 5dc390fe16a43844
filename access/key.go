package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"strings"
	"time"
)

// A Key is an API key as the registry keeps it: without its secret.
type Key struct {
	ID         string // of [A-Z2-7]; public
	Name       string // unique among keys that aren't revoked; bindings name it
	Digest     [sha256.Size]byte
	Roles      []string
	Owner      string
	CreatedBy  string
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero: never
	RevokedAt  time.Time // zero: not
	RevokedBy  string
	LastUsedAt time.Time // zero: never; of all servers, behind by a minute at most
}

// Live reports whether the key may be used at a time.
func (k *Key) Live(at time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || at.Before(k.ExpiresAt))
}

// Matches reports whether a secret is the key's, in constant time.
func (k *Key) Matches(secret string) bool {
	got := sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(got[:], k.Digest[:]) == 1
}

// The form of a key: lk_ID_SECRET, both in base32.
const (
	keyPrefix   = "lk_"
	idBytes     = 10
	secretBytes = 32
)

var base32Plain = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewKey makes a key and returns what its caller sends, which is nowhere kept.
func NewKey() (k Key, text string) {
	id, secret := make([]byte, idBytes), make([]byte, secretBytes)
	_, _ = rand.Read(id) // never fails
	_, _ = rand.Read(secret)
	k.ID = base32Plain.EncodeToString(id)
	secretText := base32Plain.EncodeToString(secret)
	k.Digest = sha256.Sum256([]byte(secretText))
	return k, keyPrefix + k.ID + "_" + secretText
}

// SplitKey returns the id and the secret of a key's text. ok is false for other text.
func SplitKey(text string) (id, secret string, ok bool) {
	rest, ok := strings.CutPrefix(text, keyPrefix)
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, "_")
}
