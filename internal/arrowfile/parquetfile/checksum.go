package parquetfile

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"

	"github.com/apache/arrow-go/v18/parquet/metadata"
)

// pageSums puts checksums into the headers of the pages that are written through it,
// and corrects the offsets and sizes in the footer accordingly.
//
// The library writes magic bytes, then for each column its pages, each with its
// header, and a copy of the column's metadata, and last the footer. It tells apart
// what follows by the first two fields: both are integers in a page's header; in
// metadata the second is a list, of integers for a column and of structs in the footer.
type pageSums struct {
	out     io.Writer
	err     error
	waiting []byte // what is not whole yet
	read    int64  // bytes that the library wrote, without the waiting ones
	wrote   int64
	footer  bool  // waiting begins with the footer
	moved   []gap // by where they are
}

// A gap is where the file differs from what the library wrote.
type gap struct {
	from  int64 // offset of the library's
	grown int64 // how many bytes have been added up to there
}

var errUnknown = errors.New("the Parquet library wrote something unknown")

func (s *pageSums) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	s.waiting = append(s.waiting, p...)
	for s.err == nil && !s.footer {
		n, err := s.next()
		if err != nil {
			s.err = err
		}
		if n == 0 {
			break
		}
		s.read += int64(n)
		s.waiting = s.waiting[:copy(s.waiting, s.waiting[n:])]
	}
	if s.err != nil {
		return 0, s.err
	}
	return len(p), nil
}

// next writes the next page, and returns how many bytes it takes of the waiting ones;
// 0 if it isn't whole yet.
func (s *pageSums) next() (int, error) {
	if s.read == 0 {
		if len(s.waiting) < len(magic) {
			return 0, nil
		}
		return len(magic), s.emit(s.waiting[:len(magic)])
	}
	r := &thriftReader{data: s.waiting}
	var kinds []byte
	list := byte(0)
	r.fields(func(id int16, typ byte) {
		if len(kinds) < 2 {
			kinds = append(kinds, typ)
		}
		if id == 2 && typ == thriftList && r.at < len(r.data) {
			list = r.data[r.at] & 0xf
			if list == thriftStruct {
				r.fail(errUnknown) // stops: the footer need not be whole
				return
			}
		}
		r.skip(typ, 0)
	})
	switch {
	case len(kinds) == 2 && kinds[1] == thriftList && list == thriftStruct:
		s.footer = true
		return 0, nil
	case errors.Is(r.err, errShort):
		return 0, nil
	case r.err != nil:
		return 0, r.err
	case len(kinds) == 2 && kinds[1] == thriftList: // a copy of a column's metadata, which nobody reads
		s.moved = append(s.moved, gap{s.read + int64(r.at), s.wrote - s.read - int64(r.at)})
		return r.at, nil
	case len(kinds) == 2 && kinds[1] == thriftI32:
		return s.page()
	}
	return 0, errUnknown
}

// page writes a page with its checksum.
func (s *pageSums) page() (int, error) {
	h, err := parseHeader(s.waiting)
	if err != nil {
		return 0, err
	}
	size := h.bytes + int(h.compressed)
	if len(s.waiting) < size {
		return 0, nil
	}
	if h.hasCRC || h.details == 0 {
		return 0, errUnknown
	}
	sum := int32(crc32.ChecksumIEEE(s.waiting[h.bytes:size]))
	head := append(make([]byte, 0, h.bytes+8), s.waiting[:h.crcAt]...)
	head = append(head, 1<<4|thriftI32) // field 4, after field 3
	head = binary.AppendUvarint(head, uint64(uint32(sum)<<1^uint32(sum>>31)))
	head = append(head, byte(h.details-4)<<4|thriftStruct)
	head = append(head, s.waiting[h.crcAt+1:h.bytes]...)
	if err := s.emit(head); err != nil {
		return 0, err
	}
	if err := s.emit(s.waiting[h.bytes:size]); err != nil {
		return 0, err
	}
	s.moved = append(s.moved, gap{s.read + int64(size), s.wrote - s.read - int64(size)})
	return size, nil
}

func (s *pageSums) emit(p []byte) error {
	n, err := s.out.Write(p)
	s.wrote += int64(n)
	return err
}

// shift returns how far what the library wrote at an offset has moved.
func (s *pageSums) shift(offset int64) int64 {
	low, high := 0, len(s.moved)
	for low < high {
		if mid := (low + high) / 2; s.moved[mid].from <= offset {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == 0 {
		return 0
	}
	return s.moved[low-1].grown
}

// finish writes the footer.
func (s *pageSums) finish() error {
	if s.err != nil {
		return s.err
	}
	if !s.footer || len(s.waiting) < trailer {
		return errUnknown
	}
	meta, err := metadata.NewFileMetaData(s.waiting[:len(s.waiting)-trailer], nil)
	if err != nil {
		return fmt.Errorf("read the footer that was written: %w", err)
	}
	for _, group := range meta.RowGroups {
		var compressed, uncompressed int64
		for _, c := range group.Columns {
			m := c.MetaData
			start := m.DataPageOffset
			if m.DictionaryPageOffset != nil && *m.DictionaryPageOffset > 0 {
				start = min(start, *m.DictionaryPageOffset)
				*m.DictionaryPageOffset += s.shift(*m.DictionaryPageOffset)
			}
			grown := s.grown(start, start+m.TotalCompressedSize)
			m.DataPageOffset += s.shift(m.DataPageOffset)
			m.TotalCompressedSize += grown
			m.TotalUncompressedSize += grown
			compressed, uncompressed = compressed+m.TotalCompressedSize, uncompressed+m.TotalUncompressedSize
			c.FileOffset = 0 // the metadata is in the footer only
		}
		group.TotalByteSize, group.TotalCompressedSize = uncompressed, &compressed
		if group.FileOffset != nil {
			*group.FileOffset += s.shift(*group.FileOffset)
		}
	}
	footer, err := meta.Serialize(context.Background())
	if err != nil {
		return err
	}
	if err := signFooter(footer); err != nil {
		return err
	}
	footer = binary.LittleEndian.AppendUint32(footer, uint32(len(footer)))
	return s.emit(append(footer, magic...))
}

// grown returns how many bytes were added to the pages between two offsets, of which
// the second is the end of a page.
func (s *pageSums) grown(from, to int64) int64 {
	return s.shift(to) - s.shift(from)
}

// signFooter puts the checksum into a footer.
func signFooter(footer []byte) error {
	digits := footerSum(footer)
	if digits == nil {
		return errUnknown
	}
	copy(digits, fmt.Sprintf("%0*x", sumDigits, crc32.ChecksumIEEE(footer)))
	return nil
}

// verifyFooter compares a footer with its checksum, if it has one.
func verifyFooter(footer []byte) error {
	digits := footerSum(footer)
	if digits == nil {
		return nil
	}
	want, err := strconv.ParseUint(string(digits), 16, 32)
	if err != nil {
		return errors.New("the checksum of its footer is no number; the file is damaged")
	}
	signed := append([]byte{}, footer...)
	copy(footerSum(signed), "00000000")
	if got := crc32.ChecksumIEEE(signed); uint64(got) != want {
		return fmt.Errorf("its footer has the checksum %08x, and its bytes have %08x; the file is damaged", want, got)
	}
	return nil
}
