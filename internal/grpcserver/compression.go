package grpcserver

import (
	"compress/zlib"
	"io"
	"sync"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip" // registers gzip
)

// gRPC wants compressors registered before anything else runs.
func init() { encoding.RegisterCompressor(new(deflate)) }

// Deflate is the compression of that name, which is zlib's format (RFC 1950), as it is of
// HTTP. Some clients have it and not gzip, and others offer both. An answer is compressed
// as its request was. gRPC bounds what a message decompresses to by the limit on messages.
type deflate struct{ writers, readers sync.Pool }

// Name implements [encoding.Compressor], like the next two methods.
func (d *deflate) Name() string { return "deflate" }

func (d *deflate) Compress(w io.Writer) (io.WriteCloser, error) {
	z, pooled := d.writers.Get().(*deflateWriter)
	if !pooled {
		return &deflateWriter{zlib.NewWriter(w), &d.writers}, nil
	}
	z.Reset(w)
	return z, nil
}

func (d *deflate) Decompress(r io.Reader) (io.Reader, error) {
	z, pooled := d.readers.Get().(*deflateReader)
	if !pooled {
		made, err := zlib.NewReader(r)
		if err != nil {
			return nil, err
		}
		return &deflateReader{made, &d.readers}, nil
	}
	if err := z.ReadCloser.(zlib.Resetter).Reset(r, nil); err != nil {
		d.readers.Put(z)
		return nil, err
	}
	return z, nil
}

type deflateWriter struct {
	*zlib.Writer
	pool *sync.Pool
}

func (w *deflateWriter) Close() error {
	defer w.pool.Put(w)
	return w.Writer.Close()
}

type deflateReader struct {
	io.ReadCloser
	pool *sync.Pool
}

func (r *deflateReader) Close() error {
	defer r.pool.Put(r)
	return r.ReadCloser.Close()
}
