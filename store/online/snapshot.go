package online

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math"

	"github.com/dgraph-io/badger/v4"

	"larder/schema"
)

// A snapshot is a head and then a stream of frames:
//
//	head    "LARDERSNAP" | format 2
//	frame   kind 1 | length 4 | CRC-32C of the payload 4 | payload
//
//	kind 'e'   entries: key length 4 | key | version 8 | user meta 1 | value length 4 | value ...
//	kind 'z'   the end: number of entries 8 | SHA-256 of all bytes before this frame 32
//
// Numbers are big-endian. Entries come in the order of their keys, so the entries of
// views are before the rows. So the rows that a watermark covers are always in the
// snapshot too, even if rows were written meanwhile.
const (
	snapshotMagic  = "LARDERSNAP"
	snapshotFormat = 1

	frameEntries  = 'e'
	frameEnd      = 'z'
	frameHeader   = 1 + 4 + 4
	frameBytes    = 256 << 10              // a frame is written when it has this many
	mostFrame     = frameBytes + 2*(1<<20) // with room for one more entry
	entryOverhead = 4 + 8 + 1 + 4
	endBytes      = 8 + sha256.Size
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Save writes a snapshot of all rows and watermarks while the store serves. Rows that
// are written during the save may be in it or not.
func (s *Store) Save(ctx context.Context, w io.Writer) error {
	// Badger's iterators end at a damaged block without an error.
	err := s.verify(ctx)
	out := newSnapshotWriter(w)
	if err == nil {
		err = s.scan(ctx, nil, func(item *badger.Item) error {
			return item.Value(func(value []byte) error {
				return out.add(item.Key(), item.Version(), item.UserMeta(), value)
			})
		})
	}
	if err == nil {
		err = out.end()
	}
	if err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	return nil
}

type snapshotWriter struct {
	w       *bufio.Writer
	sum     hash.Hash
	entries uint64
	frame   []byte
	err     error // the first of write's
}

func newSnapshotWriter(w io.Writer) *snapshotWriter {
	s := &snapshotWriter{w: bufio.NewWriterSize(w, frameBytes), sum: sha256.New()}
	s.write(binary.BigEndian.AppendUint16([]byte(snapshotMagic), snapshotFormat))
	return s
}

func (s *snapshotWriter) add(key []byte, version uint64, meta byte, value []byte) error {
	b := binary.BigEndian.AppendUint32(s.frame, uint32(len(key)))
	b = append(b, key...)
	b = binary.BigEndian.AppendUint64(b, version)
	b = append(b, meta)
	b = binary.BigEndian.AppendUint32(b, uint32(len(value)))
	s.frame = append(b, value...)
	s.entries++
	if len(s.frame) >= frameBytes {
		s.flush(frameEntries)
	}
	return s.err
}

func (s *snapshotWriter) end() error {
	if len(s.frame) > 0 {
		s.flush(frameEntries)
	}
	s.frame = binary.BigEndian.AppendUint64(s.frame, s.entries)
	s.frame = s.sum.Sum(s.frame)
	s.flush(frameEnd)
	if s.err != nil {
		return s.err
	}
	return s.w.Flush()
}

func (s *snapshotWriter) flush(kind byte) {
	head := make([]byte, 0, frameHeader)
	head = append(head, kind)
	head = binary.BigEndian.AppendUint32(head, uint32(len(s.frame)))
	head = binary.BigEndian.AppendUint32(head, crc32.Checksum(s.frame, castagnoli))
	s.write(head)
	s.write(s.frame)
	s.frame = s.frame[:0]
}

func (s *snapshotWriter) write(b []byte) {
	if s.err != nil {
		return
	}
	s.sum.Write(b)
	_, s.err = s.w.Write(b)
}

// A snapshotEntry is one entry of a snapshot. key and value alias the reader
// until its next frame.
type snapshotEntry struct {
	key     []byte
	version uint64
	meta    byte
	value   []byte
}

// readSnapshot calls visit for each entry, and checks that the snapshot is whole. If
// the snapshot is not whole, it may already have called visit for some entries.
func readSnapshot(r io.Reader, visit func(snapshotEntry) error) error {
	in := bufio.NewReaderSize(r, frameBytes)
	sum := sha256.New()
	head := make([]byte, len(snapshotMagic)+2)
	if _, err := io.ReadFull(in, head); err != nil || string(head[:len(snapshotMagic)]) != snapshotMagic {
		return errNoSnapshot
	}
	if n := binary.BigEndian.Uint16(head[len(snapshotMagic):]); n != snapshotFormat {
		return schema.SnapshotFormat.Errorf("the snapshot has format %d, and this larder reads %d; load it with the larder that saved it", n, snapshotFormat)
	}
	sum.Write(head)
	var entries uint64
	var payload []byte
	for {
		kind, head, next, err := readFrame(in, payload)
		if err != nil {
			return err
		}
		payload = next
		switch kind {
		case frameEntries:
			n, err := eachEntry(payload, visit)
			if err != nil {
				return err
			}
			entries += n
			sum.Write(head[:])
			sum.Write(payload)
		case frameEnd:
			return checkEnd(in, payload, entries, sum)
		default:
			return schema.SnapshotDamaged.Errorf("the snapshot is damaged: it has a part of the unknown kind %q; %s", kind, snapshotRemedy)
		}
	}
}

// readFrame reads a frame into buf, which grows with the bytes that arrive, not with
// the announced length.
func readFrame(in *bufio.Reader, buf []byte) (kind byte, head [frameHeader]byte, payload []byte, err error) {
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, head, nil, cutShort(err)
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > mostFrame {
		return 0, head, nil, schema.SnapshotDamaged.Errorf("the snapshot is damaged: it has a part of %d bytes; %s", n, snapshotRemedy)
	}
	if cap(buf) < int(n) {
		buf = make([]byte, n)
	}
	payload = buf[:n]
	if _, err := io.ReadFull(in, payload); err != nil {
		return 0, head, nil, cutShort(err)
	}
	if crc32.Checksum(payload, castagnoli) != binary.BigEndian.Uint32(head[5:]) {
		return 0, head, nil, schema.SnapshotDamaged.Errorf("the snapshot is damaged: a checksum differs; %s", snapshotRemedy)
	}
	return head[0], head, payload, nil
}

func eachEntry(b []byte, visit func(snapshotEntry) error) (n uint64, err error) {
	short := schema.SnapshotDamaged.Errorf("the snapshot is damaged: an entry ends early; %s", snapshotRemedy)
	take := func(n uint32) ([]byte, bool) {
		if uint64(n) > uint64(len(b)) {
			return nil, false
		}
		taken := b[:n:n]
		b = b[n:]
		return taken, true
	}
	sized := func() ([]byte, bool) {
		size, ok := take(4)
		if !ok {
			return nil, false
		}
		return take(binary.BigEndian.Uint32(size))
	}
	for len(b) > 0 {
		key, ok1 := sized()
		fixed, ok2 := take(8 + 1)
		value, ok3 := sized()
		if !ok1 || !ok2 || !ok3 || len(key) == 0 || len(value) == 0 {
			return n, short
		}
		e := snapshotEntry{key, binary.BigEndian.Uint64(fixed), fixed[8], value}
		if e.version == 0 || e.version == math.MaxUint64 {
			return n, short
		}
		if err := visit(e); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func checkEnd(in *bufio.Reader, payload []byte, entries uint64, sum hash.Hash) error {
	if len(payload) != endBytes || binary.BigEndian.Uint64(payload) != entries || string(payload[8:]) != string(sum.Sum(nil)) {
		return schema.SnapshotDamaged.Errorf("the snapshot is damaged: its parts don't add up; %s", snapshotRemedy)
	}
	if _, err := in.ReadByte(); err == nil {
		return schema.SnapshotDamaged.Errorf("the snapshot is damaged: it has bytes after its end; %s", snapshotRemedy)
	}
	return nil
}
