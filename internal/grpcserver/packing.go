package grpcserver

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"larder/schema"
)

// From how many bytes an answer is packed. A client that names only gzip, or only deflate,
// wants that; one that names several takes any, as most do without being told to, and
// packing costs it time unless there is much to send.
const (
	leastPacked       = 1 << 10
	leastPackedOfMany = 16 << 10
)

const (
	gzipped  = "gzip"
	deflated = "deflate" // zlib's format
)

// unpack returns the body of a request as it was before it was packed. It takes memory of
// the budget as it grows, so that a small body can't become a large one unseen.
func (b *requestBody) unpack(r *http.Request, body []byte) ([]byte, error) {
	packing := strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values("Content-Encoding"), ",")))
	var unpacked io.Reader
	var err error
	packed := bytes.NewReader(body)
	switch packing {
	case "", "identity":
		return body, nil
	case gzipped, "x-gzip":
		unpacked, err = gzip.NewReader(packed)
	case deflated:
		unpacked, err = zlib.NewReader(packed)
	default:
		return nil, schema.BadEncoding.Errorf("the body has the Content-Encoding %q; it may be gzip or deflate", schema.CutName(packing))
	}
	wrong := func(err error) error {
		return schema.BadEncoding.Wrap(err, "the body is not the %s that its Content-Encoding says", packing)
	}
	if err != nil {
		return nil, wrong(err)
	}
	most := b.rec.maxBytes
	var out []byte
	for {
		if len(out) == cap(out) {
			more := min(max(len(out), 4<<10), most+1-len(out))
			if err := Hold(r, int64(more)); err != nil {
				return nil, err
			}
			out = slices.Grow(out, more)[: len(out) : len(out)+more]
		}
		n, err := unpacked.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case len(out) > most:
			return nil, schema.MessageTooLarge.Errorf("the body has more than %d bytes when unpacked (the limit); send fewer rows at once, or raise --max-message-bytes", most)
		case errors.Is(err, io.EOF) && packed.Len() > 0:
			return nil, wrong(errors.New("more follows the packed body"))
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, wrong(err)
		}
	}
}

// packingFor returns how an answer of size bytes is packed for a caller; "" for not at all.
func packingFor(accept []string, size int) string {
	if size < leastPacked {
		return ""
	}
	named, accepted := 0, map[string]bool{}
	for _, header := range accept {
		for item := range strings.SplitSeq(header, ",") {
			name, parameters, _ := strings.Cut(item, ";")
			if name = strings.ToLower(strings.TrimSpace(name)); name == "" || name == "identity" {
				continue
			}
			named++
			accepted[name] = !refusedBy(parameters)
		}
	}
	if named > 1 && size < leastPackedOfMany {
		return ""
	}
	for _, name := range []string{gzipped, deflated} {
		if accepted[name] {
			return name
		}
	}
	return ""
}

// refusedBy reports whether the parameters of an encoding are q=0, or a q that is none.
func refusedBy(parameters string) bool {
	name, value, found := strings.Cut(strings.TrimSpace(parameters), "=")
	if !found || !strings.EqualFold(strings.TrimSpace(name), "q") {
		return false
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return err != nil || q <= 0
}

// gzipWriters are fast rather than thorough: most of the gain is in the first pass.
var gzipWriters = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is one of gzip's
	}
	return w
}}

func pack(body []byte, packing string) []byte {
	var out bytes.Buffer
	out.Grow(len(body) / 4)
	if packing == deflated {
		w := zlib.NewWriter(&out)
		_, _ = w.Write(body) // a buffer takes everything
		_ = w.Close()
		return out.Bytes()
	}
	w := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(w)
	w.Reset(&out)
	_, _ = w.Write(body) // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}
