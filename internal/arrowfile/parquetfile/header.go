package parquetfile

import "fmt"

// Kinds of pages.
const (
	dataPage       = 0
	indexPage      = 1
	dictionaryPage = 2
	dataPageV2     = 3
)

// A pageHeader is what is before a page.
//
//	1 type, 2 uncompressed size, 3 compressed size, 4 CRC-32 of the page
//	5 data page v1:     1 values, 2 encoding, 3 and 4 encodings of the levels
//	7 dictionary page:  1 values, 2 encoding
//	8 data page v2:     1 values, 2 nulls, 3 rows, 4 encoding, 5 and 6 bytes of the levels, 7 is compressed
type pageHeader struct {
	bytes int // of the header
	crcAt int // where the checksum belongs: after the sizes

	kind         int32
	uncompressed int32
	compressed   int32
	crc          int32
	hasCRC       bool

	details  int16 // which of the fields 5, 7 and 8 it has; 0: none
	values   int32
	encoding int32
	levels   [2]int32 // v1: the encodings, v2: the bytes
	nulls    int32    // v2
	rows     int32    // v2
	stored   bool     // v2: not compressed
}

// parseHeader reads the header at the beginning of data. It returns errShort when there
// is more of it.
func parseHeader(data []byte) (*pageHeader, error) {
	r, h := &thriftReader{data: data}, &pageHeader{kind: -1, uncompressed: -1, compressed: -1, values: -1, encoding: -1}
	before := 0 // the field
	r.fields(func(id int16, typ byte) {
		switch {
		case id == 1:
			h.kind = r.i32(typ)
		case id == 2:
			h.uncompressed = r.i32(typ)
		case id == 3:
			h.compressed = r.i32(typ)
			h.crcAt = r.at
		case id == 4:
			h.crc, h.hasCRC = r.i32(typ), true
		case (id == 5 || id == 7 || id == 8) && typ == thriftStruct && h.details == 0:
			h.details = id
			h.parseDetails(r)
		default:
			r.skip(typ, 0)
		}
		if int(id) <= before {
			r.fail(errMalformed)
		}
		before = int(id)
	})
	if r.err != nil {
		return nil, r.err
	}
	h.bytes = r.at
	return h, h.check()
}

func (h *pageHeader) parseDetails(r *thriftReader) {
	fields := []*int32{nil, &h.values, &h.encoding, &h.levels[0], &h.levels[1]}
	switch h.details {
	case 7:
		fields = fields[:3]
	case 8:
		fields = []*int32{nil, &h.values, &h.nulls, &h.rows, &h.encoding, &h.levels[0], &h.levels[1]}
	}
	r.fields(func(id int16, typ byte) {
		if id > 0 && int(id) < len(fields) {
			*fields[id] = r.i32(typ)
			return
		}
		if h.details == 8 && id == 7 {
			h.stored = typ == thriftFalse
		}
		r.skip(typ, 0)
	})
}

func (h *pageHeader) check() error {
	want := map[int32]int16{dataPage: 5, dictionaryPage: 7, dataPageV2: 8}[h.kind]
	if h.details != want || h.kind < dataPage || h.kind > dataPageV2 {
		return fmt.Errorf("a page header of type %d is not known", h.kind)
	}
	if h.compressed < 0 || h.uncompressed < 0 {
		return fmt.Errorf("a page header has the sizes %d and %d", h.compressed, h.uncompressed)
	}
	if want != 0 && (h.values < 0 || h.encoding < 0) {
		return fmt.Errorf("a page header has %d values of encoding %d", h.values, h.encoding)
	}
	if h.kind == dataPageV2 && (h.levels[0] < 0 || h.levels[1] < 0 || int64(h.levels[0])+int64(h.levels[1]) > int64(min(h.compressed, h.uncompressed)) ||
		h.nulls < 0 || h.nulls > h.values || h.rows < 0 || h.rows > h.values) {
		return fmt.Errorf("a page header has %d values in %d rows, %d nulls and levels of %d and %d bytes", h.values, h.rows, h.nulls, h.levels[0], h.levels[1])
	}
	return nil
}

func (h *pageHeader) isData() bool { return h.kind == dataPage || h.kind == dataPageV2 }
