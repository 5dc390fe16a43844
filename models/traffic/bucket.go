package traffic

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
)

// Buckets is the number of buckets: each is a hundredth of a percent.
const Buckets = 10_000

// separator separates the salt from the value. A salt can't contain it.
const separator = ':'

// enough is the size of a salt and a value that need no allocation.
const enough = 160

// Bucket returns the bucket of a text, from 0 to Buckets-1.
func Bucket(salt, value string) int {
	var space [enough]byte
	text := append(append(space[:0], salt...), separator)
	return bucketOf(append(text, value...))
}

// BucketInt returns the bucket of an integer: that of its decimal digits.
func BucketInt(salt string, value int64) int {
	var space [enough]byte
	text := append(append(space[:0], salt...), separator)
	return bucketOf(strconv.AppendInt(text, value, 10))
}

func bucketOf(text []byte) int {
	sum := sha256.Sum256(text)
	return int(binary.BigEndian.Uint32(sum[:4]) % Buckets)
}
