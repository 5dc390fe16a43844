package grpcserver

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"

	"larder/schema"
)

// smallMessage is up to where a message is decoded without looking at it first: it can't
// become large.
const smallMessage = 1 << 10

// maxGrowth bounds what a message may become when it is decoded, as a multiple of the
// largest message. A list of small integers becomes eight times as large.
const maxGrowth = 8

// A boundedCodec is gRPC's own for protobuf, which looks at a message before it decodes
// it: 16 MiB of empty columns would become a gigabyte.
type boundedCodec struct{ encoding.CodecV2 }

func newBoundedCodec() boundedCodec { return boundedCodec{encoding.GetCodecV2(proto.Name)} }

// Unmarshal implements [encoding.CodecV2]. A message that it refuses stays empty.
func (b boundedCodec) Unmarshal(data mem.BufferSlice, v any) error {
	m, is := v.(*into)
	if !is {
		return b.CodecV2.Unmarshal(data, v)
	}
	n := data.Len()
	if n <= smallMessage {
		return b.CodecV2.Unmarshal(data, m.message)
	}
	buf := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buf.Free()
	size := decodedSize(buf.ReadOnlyData(), m.message)
	if most := int64(maxGrowth * m.shell.opts.MaxMessageBytes); size > most {
		m.refused = failureOf(schema.MessageTooLarge.Errorf(
			"the request takes %d MiB when it is decoded, of %d MiB at most; send fewer rows, columns or values at once", size>>20, most>>20))
		return nil
	}
	if !m.shell.budget.take(size) {
		m.refused = m.shell.overBudget()
		return nil
	}
	m.held = size
	return b.CodecV2.Unmarshal(mem.BufferSlice{buf}, m.message)
}

// Marshal implements [encoding.CodecV2].
func (b boundedCodec) Marshal(v any) (mem.BufferSlice, error) {
	out, is := v.(*outgoing)
	if !is {
		return b.CodecV2.Marshal(v)
	}
	data, err := b.CodecV2.Marshal(out.message)
	if err != nil {
		return nil, err
	}
	return out.encoded(data), nil
}
