package parquetfile

import (
	"errors"
	"testing"
)

// A header with two sizes, a checksum and 3 values, as the format encodes it: fields by
// their distance from the one before, integers in zigzag.
var header = []byte{
	0x15, 0x00, // 1: a data page
	0x15, 0x28, // 2: 20 bytes unpacked
	0x15, 0x14, // 3: 10 bytes packed
	0x15, 0x01, // 4: the checksum -1
	0x1c, 0x15, 0x06, 0x15, 0x00, 0x15, 0x06, 0x15, 0x06, 0x00, // 5: 3 values, PLAIN, levels RLE
	0x00,
}

func TestParseHeader(t *testing.T) {
	h, err := parseHeader(append(header, 0xaa, 0xbb))
	if err != nil {
		t.Fatal(err)
	}
	want := pageHeader{
		bytes: len(header), crcAt: 6, kind: dataPage, uncompressed: 20, compressed: 10, crc: -1, hasCRC: true, details: 5, values: 3, levels: [2]int32{3, 3},
	}
	if *h != want {
		t.Errorf("%+v\nwant %+v", *h, want)
	}
	for n := range header {
		if _, err := parseHeader(header[:n]); !errors.Is(err, errShort) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// FuzzHeader: whatever the bytes are, a header that is read is within them.
func FuzzHeader(f *testing.F) {
	f.Add(header)
	f.Add([]byte{0x15, 0x04, 0x15, 0x28, 0x15, 0x14, 0x4c, 0x15, 0x06, 0x15, 0x00, 0x11, 0x00, 0x00})
	f.Add([]byte{0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := parseHeader(data)
		if err == nil && (h.bytes > len(data) || h.crcAt > h.bytes || h.compressed < 0 || h.uncompressed < 0) {
			t.Errorf("%+v of %d bytes", h, len(data))
		}
	})
}
