package forgotten

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Hash stands for a key.
type Hash [sha256.Size]byte

// String returns the hash in hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// A Part is one join key and its value, in the Go form of [schema.ParseValue].
type Part struct {
	Name  string
	Value any
}

// HashOf returns the hash of a key. The order of the parts doesn't matter.
func HashOf(salt []byte, parts []Part) (Hash, error) {
	sorted := slices.Clone(parts)
	slices.SortFunc(sorted, func(a, b Part) int { return strings.Compare(a.Name, b.Name) })
	var message []byte
	for _, p := range sorted {
		var err error
		if message, err = appendPart(message, p.Name, p.Value); err != nil {
			return Hash{}, err
		}
	}
	mac := hmac.New(sha256.New, salt)
	mac.Write(message)
	var h Hash
	mac.Sum(h[:0])
	return h, nil
}

// appendPart appends a part of the message that is hashed.
func appendPart(dst []byte, name string, value any) ([]byte, error) {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(name)))
	dst = append(dst, name...)
	number := func(kind byte, v int64) []byte {
		dst = binary.BigEndian.AppendUint32(append(dst, kind), 8)
		return binary.BigEndian.AppendUint64(dst, uint64(v))
	}
	text := func(kind byte, n int) []byte {
		return binary.BigEndian.AppendUint32(append(dst, kind), uint32(n))
	}
	switch v := value.(type) {
	case bool:
		if v {
			return append(text('o', 1), 1), nil
		}
		return append(text('o', 1), 0), nil
	case int32:
		return number('i', int64(v)), nil
	case int64:
		return number('i', v), nil
	case time.Time:
		return number('t', v.UnixMicro()), nil
	case string:
		return append(text('s', len(v)), v...), nil
	case []byte:
		return append(text('b', len(v)), v...), nil
	}
	return nil, fmt.Errorf("join key %q: a %T is not a value of a key", name, value)
}
