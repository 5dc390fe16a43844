package parquetfile

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// maxHeader is how long a page's header may be; statistics of long texts are in it.
const maxHeader = 16 << 20

// A chunk is a column of a row group.
type chunk struct {
	in     io.ReaderAt
	meta   *metadata.ColumnChunkMetaData
	column *schema.Column
	rows   int64 // of the row group
	buffer []byte

	values       int64 // in the pages so far
	pageRows     int64 // in the pages of version 2 so far
	uncompressed int64 // bytes of the pages so far, with their headers
	dictionary   bool  // a dictionary was read
	data         bool  // a data page was read
	v1           bool  // one of version 1 was read
}

// span returns where a column's bytes are.
func span(meta *metadata.ColumnChunkMetaData) (start, size int64) {
	start = meta.DataPageOffset()
	if at := meta.DictionaryPageOffset(); meta.HasDictionaryPage() && at > 0 && at < start {
		start = at
	}
	return start, meta.TotalCompressedSize()
}

// encodings returns those that the footer names, as text.
func encodings(meta *metadata.ColumnChunkMetaData) string {
	var all []string
	for _, e := range meta.Encodings() {
		if name := e.String(); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return strings.Join(all, ", ")
}

// check walks over the pages and verifies that they are whole: their sizes,
// counts, encodings and, where they have them, checksums.
func (c *chunk) check() error {
	at, left := span(c.meta)
	for left > 0 {
		h, err := c.header(at, left)
		if err != nil {
			return fmt.Errorf("page at byte %d: %w", at, err)
		}
		if err := c.page(h, at, left); err != nil {
			return fmt.Errorf("page at byte %d: %w", at, err)
		}
		size := int64(h.bytes) + int64(h.compressed)
		at, left = at+size, left-size
	}
	want := c.meta.NumValues()
	switch {
	case c.values != want:
		return fmt.Errorf("its pages have %d values, and the footer says %d", c.values, want)
	case c.pageRows != c.rows && !c.v1 && c.data:
		return fmt.Errorf("its pages have %d rows, and the row group %d", c.pageRows, c.rows)
	case c.uncompressed > c.meta.TotalUncompressedSize():
		return fmt.Errorf("its pages hold %d bytes, and the footer says %d", c.uncompressed, c.meta.TotalUncompressedSize())
	}
	return nil
}

// header reads the header at an offset, before which left bytes of the column remain.
func (c *chunk) header(at, left int64) (*pageHeader, error) {
	for size := int64(256); ; size *= 8 {
		size = min(size, left, maxHeader)
		data := c.take(size)
		if _, err := c.in.ReadAt(data, at); err != nil {
			return nil, err
		}
		h, err := parseHeader(data)
		if errors.Is(err, errShort) && size < min(left, maxHeader) {
			continue
		}
		if err != nil {
			err = fmt.Errorf("its header can't be read: %w", err)
		}
		return h, err
	}
}

// take returns n bytes of the buffer.
func (c *chunk) take(n int64) []byte {
	if int64(cap(c.buffer)) < n {
		c.buffer = make([]byte, max(n, 256<<10))
	}
	return c.buffer[:n]
}

func (c *chunk) page(h *pageHeader, at, left int64) error {
	if int64(h.bytes)+int64(h.compressed) > left {
		return fmt.Errorf("it has %d bytes, and the column only %d more", h.compressed, left-int64(h.bytes))
	}
	c.uncompressed += int64(h.bytes) + int64(h.uncompressed)
	levels := h.levels[0] + h.levels[1]
	if h.kind != dataPageV2 {
		levels = 0
	}
	codec := c.meta.Compression()
	if h.kind == dataPageV2 && h.stored {
		codec = compress.Codecs.Uncompressed
	}
	packed, unpacked := int64(h.compressed-levels), int64(h.uncompressed-levels)
	if unpacked > mostBytes(codec, packed) || codec == compress.Codecs.Uncompressed && unpacked != packed {
		return fmt.Errorf("it says that its %d bytes unpack to %d", h.compressed, h.uncompressed)
	}
	if err := c.count(h); err != nil {
		return err
	}
	if !h.hasCRC {
		return nil
	}
	sum, err := c.checksum(at+int64(h.bytes), int64(h.compressed))
	if err == nil && sum != uint32(h.crc) {
		err = fmt.Errorf("its checksum is %08x, and its bytes have %08x; the file is damaged", uint32(h.crc), sum)
	}
	return err
}

// count adds the values of a page and checks that its encoding can be read here.
func (c *chunk) count(h *pageHeader) error {
	switch {
	case h.kind == dictionaryPage && (c.dictionary || c.data):
		return errors.New("it is a dictionary after other pages")
	case h.kind == dictionaryPage && h.encoding != int32(parquet.Encodings.Plain) && h.encoding != int32(parquet.Encodings.PlainDict):
		return fmt.Errorf("its dictionary has the encoding %s, which can't be read", parquet.Encoding(h.encoding))
	case h.kind == dictionaryPage:
		c.dictionary = true
	case h.isData():
		c.data, c.v1 = true, c.v1 || h.kind == dataPage
		c.values, c.pageRows = c.values+int64(h.values), c.pageRows+int64(h.rows)
		return c.readable(h)
	}
	return nil
}

// readable returns why a page can't be read.
func (c *chunk) readable(h *pageHeader) error {
	e := parquet.Encoding(h.encoding)
	if named := c.meta.Encodings(); !slices.Contains(named, e) && !(isDictionary(e) && slices.ContainsFunc(named, isDictionary)) {
		return fmt.Errorf("its encoding is %s, which the footer doesn't name", e)
	}
	known := false
	switch t := c.column.PhysicalType(); e {
	case parquet.Encodings.Plain:
		known = true
	case parquet.Encodings.PlainDict, parquet.Encodings.RLEDict: // two names for one encoding
		if known = t != parquet.Types.Boolean; !c.dictionary {
			return errors.New("it needs a dictionary, and there is none before it")
		}
	case parquet.Encodings.RLE:
		known = t == parquet.Types.Boolean
	case parquet.Encodings.DeltaBinaryPacked:
		known = t == parquet.Types.Int32 || t == parquet.Types.Int64
	case parquet.Encodings.DeltaLengthByteArray, parquet.Encodings.DeltaByteArray:
		known = t == parquet.Types.ByteArray
	case parquet.Encodings.ByteStreamSplit:
		known = t != parquet.Types.Boolean && t != parquet.Types.ByteArray && t != parquet.Types.Int96
	}
	if !known {
		return fmt.Errorf("its encoding %s of %s can't be read", e, c.column.PhysicalType())
	}
	if h.kind == dataPage && c.column.MaxDefinitionLevel() > 0 && !isLevelEncoding(h.levels[0]) ||
		h.kind == dataPage && c.column.MaxRepetitionLevel() > 0 && !isLevelEncoding(h.levels[1]) {
		return fmt.Errorf("its levels have the encodings %s and %s, which can't be read", parquet.Encoding(h.levels[0]), parquet.Encoding(h.levels[1]))
	}
	return nil
}

func isDictionary(e parquet.Encoding) bool {
	return e == parquet.Encodings.PlainDict || e == parquet.Encodings.RLEDict
}

func isLevelEncoding(e int32) bool {
	return e == int32(parquet.Encodings.RLE) || e == int32(parquet.Encodings.BitPacked)
}

// checksum returns the CRC-32 of a page.
func (c *chunk) checksum(at, size int64) (uint32, error) {
	sum := crc32.NewIEEE()
	for size > 0 {
		data := c.take(min(size, 256<<10))
		if _, err := c.in.ReadAt(data, at); err != nil {
			return 0, err
		}
		_, _ = sum.Write(data) // never fails
		at, size = at+int64(len(data)), size-int64(len(data))
	}
	return sum.Sum32(), nil
}
