package row

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"larder/schema"
)

// KeyFormat is the first byte of every key of a row.
const KeyFormat = 0x01

// MaxKeyBytes bounds a key, prefix included.
const MaxKeyBytes = 32 << 10

// PrefixBytes is the length of what AppendView appends.
const PrefixBytes = 5

// AppendView appends the prefix of all keys of a view.
func AppendView(dst []byte, view uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, KeyFormat), view)
}

// CutView returns the view number of a key, and the rest of it: what the keys of an
// entity have in common. The key must have its prefix.
func CutView(key []byte) (view uint32, entity []byte) {
	return binary.BigEndian.Uint32(key[1:PrefixBytes]), key[PrefixBytes:]
}

// AppendBool appends a key part.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// AppendInt32 appends a key part.
func AppendInt32(dst []byte, v int32) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(v)^1<<31)
}

// AppendInt64 appends a key part.
func AppendInt64(dst []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(v)^1<<63)
}

// AppendTimestamp appends a key part: microseconds since 1970 UTC.
func AppendTimestamp(dst []byte, micros int64) []byte { return AppendInt64(dst, micros) }

// AppendString appends a key part.
func AppendString(dst []byte, v string) []byte {
	for {
		at := strings.IndexByte(v, 0)
		if at < 0 {
			return append(append(dst, v...), 0, 1)
		}
		dst = append(append(dst, v[:at]...), 0, 0xff)
		v = v[at+1:]
	}
}

// AppendBytes appends a key part.
func AppendBytes(dst, v []byte) []byte {
	for {
		at := bytes.IndexByte(v, 0)
		if at < 0 {
			return append(append(dst, v...), 0, 1)
		}
		dst = append(append(dst, v[:at]...), 0, 0xff)
		v = v[at+1:]
	}
}

// DecodeKey returns the view number and the values of a key, in the Go form of
// [schema.ParseValue].
func DecodeKey(key []byte, keys []schema.JoinKey) (view uint32, values []any, err error) {
	if len(key) < PrefixBytes || key[0] != KeyFormat {
		return 0, nil, fmt.Errorf("key %x is not a key of format %d", clip(key), KeyFormat)
	}
	view = binary.BigEndian.Uint32(key[1:])
	rest := key[PrefixBytes:]
	values = make([]any, len(keys))
	for i, k := range keys {
		if values[i], rest, err = decodePart(rest, k.Type); err != nil {
			return 0, nil, fmt.Errorf("key %x: join key %q: %w", clip(key), k.Name, err)
		}
	}
	if len(rest) > 0 {
		return 0, nil, fmt.Errorf("key %x has %d bytes too many", clip(key), len(rest))
	}
	return view, values, nil
}

func decodePart(b []byte, t schema.Type) (value any, rest []byte, err error) {
	switch t {
	case schema.Bool:
		if len(b) < 1 || b[0] > 1 {
			return nil, nil, fmt.Errorf("no bool")
		}
		return b[0] == 1, b[1:], nil
	case schema.Int32:
		if len(b) < 4 {
			return nil, nil, fmt.Errorf("%d bytes are not an int32", len(b))
		}
		return int32(binary.BigEndian.Uint32(b) ^ 1<<31), b[4:], nil
	case schema.Int64, schema.Timestamp:
		if len(b) < 8 {
			return nil, nil, fmt.Errorf("%d bytes are not a value of type %s", len(b), t)
		}
		v := int64(binary.BigEndian.Uint64(b) ^ 1<<63)
		if t == schema.Timestamp {
			return time.UnixMicro(v).UTC(), b[8:], nil
		}
		return v, b[8:], nil
	case schema.String, schema.Bytes:
		text, rest, err := decodeText(b)
		if err == nil && t == schema.String {
			return string(text), rest, nil
		}
		return text, rest, err
	}
	return nil, nil, fmt.Errorf("%s is not a type for keys", t)
}

// decodeText undoes the escaping of AppendBytes.
func decodeText(b []byte) (text, rest []byte, err error) {
	text = []byte{}
	for {
		at := bytes.IndexByte(b, 0)
		if at < 0 || at+1 >= len(b) {
			return nil, nil, fmt.Errorf("text has no terminator")
		}
		text = append(text, b[:at]...)
		escape := b[at+1]
		b = b[at+2:]
		switch escape {
		case 1:
			return text, b, nil
		case 0xff:
			text = append(text, 0)
		default:
			return nil, nil, fmt.Errorf("text contains a stray 0x00 0x%02x", escape)
		}
	}
}

func clip(key []byte) []byte { return key[:min(len(key), 64)] }

// Keys is a list of encoded keys, end to end in one buffer that is reused.
type Keys struct {
	buf  []byte
	ends []int
}

// Reset empties the list and keeps its memory.
func (k *Keys) Reset() { k.buf, k.ends = k.buf[:0], k.ends[:0] }

// Len returns the number of keys.
func (k *Keys) Len() int { return len(k.ends) }

// At returns key i. It aliases the list until the next Reset or Append.
func (k *Keys) At(i int) []byte {
	start := 0
	if i > 0 {
		start = k.ends[i-1]
	}
	return k.buf[start:k.ends[i]:k.ends[i]]
}

// Append adds the key that add appends to the bytes it is given.
func (k *Keys) Append(add func(dst []byte) []byte) {
	k.buf = add(k.buf)
	k.ends = append(k.ends, len(k.buf))
}
