package arrowcheck

import (
	"encoding/binary"
	"errors"
	"fmt"

	flatbuffers "github.com/google/flatbuffers/go"
)

const (
	mostPadding  = 64      // between two buffers
	zstdCodec    = 1       // lz4 is 0
	lz4Ratio     = 256     // at most, of what a frame unpacks to
	zstdRatio    = 1 << 16 // a block of 128 KiB takes 4 bytes
	notUnpacked  = -1      // the length before a buffer that is not compressed
	lengthPrefix = 8       // bytes of that length
)

// checkBatch checks the counts and buffers of a batch.
//
//	0 rows, 1 nodes: (length, nulls), 2 buffers: (offset, length), 3 compression: (codec), 4 buffers of views
func checkBatch(batch *Table, want layout, body []byte) error {
	if rows := batch.Int64(0); rows < 0 {
		return fmt.Errorf("a batch has %d rows", rows)
	}
	nodes, n := batch.Vector(1, 16)
	if n != want.nodes {
		return fmt.Errorf("a batch has %d columns instead of %d", n, want.nodes)
	}
	for i := range n {
		at := nodes + flatbuffers.UOffsetT(i)*16
		if length, nulls := batch.GetInt64(at), batch.GetInt64(at+8); length < 0 || nulls < 0 || nulls > length {
			return fmt.Errorf("a column of a batch has %d values and %d nulls", length, nulls)
		}
	}
	ratio := int64(0)
	if compression, found := batch.Child(3); found {
		if ratio = lz4Ratio; compression.Int8(0) == zstdCodec {
			ratio = zstdRatio
		}
	}
	buffers, n := batch.Vector(2, 16)
	if err := checkViews(batch, want, n); err != nil {
		return err
	}
	end := int64(0)
	for i := range n {
		at := buffers + flatbuffers.UOffsetT(i)*16
		offset, length := batch.GetInt64(at), batch.GetInt64(at+8)
		if length == 0 {
			continue
		}
		if length < 0 || offset < end || offset > int64(len(body)) || length > int64(len(body))-offset || offset-end > mostPadding {
			return fmt.Errorf("a buffer of a batch has %d bytes from %d on; the one before it ends at %d, the batch at %d", length, offset, end, len(body))
		}
		end = offset + length
		if err := checkUnpacked(body[offset:end], ratio); err != nil {
			return err
		}
	}
	if int64(len(body))-end > mostPadding {
		return fmt.Errorf("the buffers of a batch end at byte %d of %d", end, len(body))
	}
	return nil
}

// checkViews compares the number of buffers of a batch with that of its columns, of
// which those of views have more.
func checkViews(batch *Table, want layout, buffers int) error {
	at, n := batch.Vector(4, 8)
	if n < want.views {
		return fmt.Errorf("a batch has %d columns of views instead of %d", n, want.views)
	}
	need := int64(want.buffers)
	for i := range want.views {
		count := batch.GetInt64(at + flatbuffers.UOffsetT(i)*8)
		if count < 0 || count > int64(buffers) {
			return fmt.Errorf("a column of a batch has %d buffers", count)
		}
		need += count
	}
	if int64(buffers) != need {
		return fmt.Errorf("a batch has %d buffers instead of %d", buffers, need)
	}
	return nil
}

// checkUnpacked checks the length that a compressed buffer says it unpacks to. Ratio is
// 0 for buffers that aren't compressed.
func checkUnpacked(buffer []byte, ratio int64) error {
	if ratio == 0 {
		return nil
	}
	if len(buffer) < lengthPrefix {
		return errors.New("a compressed buffer is too short")
	}
	packed, unpacked := int64(len(buffer)-lengthPrefix), int64(binary.LittleEndian.Uint64(buffer))
	if unpacked != notUnpacked && (unpacked < 0 || unpacked > packed*ratio) {
		return fmt.Errorf("a buffer says that its %d bytes unpack to %d", packed, unpacked)
	}
	return nil
}
