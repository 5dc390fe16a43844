package parquetfile

import (
	"fmt"
	"sync"

	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// registerCodecs replaces the codecs that take memory by what a damaged page says.
var registerCodecs = sync.OnceValue(func() error {
	original := func(c compress.Compression) compress.Codec {
		codec, err := compress.GetCodec(c)
		if err != nil {
			panic(err) // the library has both
		}
		return codec
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return err
	}
	compress.RegisterCodec(compress.Codecs.Zstd, zstdCodec{original(compress.Codecs.Zstd), decoder})
	compress.RegisterCodec(compress.Codecs.Snappy, snappyCodec{original(compress.Codecs.Snappy)})
	return nil
})

type zstdCodec struct {
	compress.Codec
	decoder *zstd.Decoder
}

// DecodeWithError decodes into dst, on this goroutine, and takes no other memory for
// the result.
func (c zstdCodec) DecodeWithError(dst, src []byte) ([]byte, error) {
	return c.decoder.DecodeAll(src, dst[:0:len(dst)])
}

type snappyCodec struct{ compress.Codec }

// DecodeWithError decodes into dst.
func (snappyCodec) DecodeWithError(dst, src []byte) ([]byte, error) {
	n, err := snappy.DecodedLen(src)
	if err != nil {
		return nil, err
	}
	if n != len(dst) {
		return nil, fmt.Errorf("it says that it holds %d bytes, and the page's header %d", n, len(dst))
	}
	return snappy.Decode(dst, src)
}

// mostBytes returns to how many bytes n compressed ones can unpack.
func mostBytes(codec compress.Compression, n int64) int64 {
	switch codec {
	case compress.Codecs.Uncompressed:
		return n
	case compress.Codecs.Snappy:
		return n * 22 // a copy of 64 bytes takes 3
	case compress.Codecs.Lz4Raw:
		return n * 256
	case compress.Codecs.Gzip:
		return n * 1033
	}
	return n << 16 // zstd: a block of 128 KiB takes 4
}
