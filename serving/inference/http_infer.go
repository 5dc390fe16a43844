package inference

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"

	"larder/internal/grpcserver"
	"larder/schema"
	"larder/scoring"
)

// headerLength says how many bytes of a body are JSON, where raw contents follow.
const headerLength = "Inference-Header-Content-Length"

func (s *Server) postInfer(w http.ResponseWriter, r *http.Request) {
	if err := s.inferHTTP(w, r); err != nil {
		grpcserver.WriteError(w, err)
	}
}

func (s *Server) inferHTTP(w http.ResponseWriter, r *http.Request) error {
	body, err := s.readBody(r)
	if err != nil {
		return err
	}
	length := len(body)
	if said := r.Header.Get(headerLength); said != "" {
		if length, err = strconv.Atoi(said); err != nil || length < 0 || length > len(body) {
			return schema.BadHeader.Errorf("%s is %q; it is the number of bytes of JSON, at most the %d of the body", headerLength, clip(said), len(body))
		}
	}
	req, form, err := parseInfer(body[:length], body[length:])
	if err != nil {
		return err
	}
	req.model, req.version = r.PathValue("model"), r.PathValue("version")
	ans, err := s.infer(r.Context(), req)
	if err != nil {
		return err
	}
	head, raw, err := form.write(ans)
	if err != nil {
		return err
	}
	return s.writeBody(w, r, head, raw)
}

// readBody reads a body, unpacked if it is packed.
func (s *Server) readBody(r *http.Request) ([]byte, error) {
	body, err := grpcserver.ReadBody(r)
	if err != nil {
		return nil, err
	}
	switch packing := r.Header.Get("Content-Encoding"); packing {
	case "", "identity":
		return body, nil
	case "gzip", "deflate":
		if body, err = unpack(body, packing, s.opts.MaxMessageBytes); err != nil {
			return nil, err
		}
		return body, grpcserver.Hold(r, int64(len(body)))
	default:
		return nil, schema.BadEncoding.Errorf("the body has the Content-Encoding %q; it may be gzip or deflate", clip(packing))
	}
}

// unpack makes no more of a body than most bytes.
func unpack(body []byte, packing string, most int) ([]byte, error) {
	var unpacked io.ReadCloser
	var err error
	if packing == "gzip" {
		unpacked, err = gzip.NewReader(bytes.NewReader(body))
	} else {
		unpacked, err = zlib.NewReader(bytes.NewReader(body))
	}
	var out []byte
	if err == nil {
		out, err = io.ReadAll(io.LimitReader(unpacked, int64(most)+1))
	}
	if err != nil {
		return nil, schema.BadEncoding.Wrap(err, "the body is not the %s that its Content-Encoding says", packing)
	}
	if len(out) > most {
		return nil, schema.MessageTooLarge.Errorf("the body has more than %d bytes when unpacked (the limit); send fewer rows at once, or raise --max-message-bytes", most)
	}
	return out, nil
}

// writeBody answers with JSON and the raw contents after it, packed if the caller
// says how.
func (s *Server) writeBody(w http.ResponseWriter, r *http.Request, head, raw []byte) error {
	kind := "application/json"
	if raw != nil {
		kind = "application/octet-stream"
		w.Header().Set(headerLength, strconv.Itoa(len(head)))
	}
	body := append(head, raw...)
	if len(body) > s.opts.MaxMessageBytes {
		w.Header().Del(headerLength)
		return schema.MessageTooLarge.Errorf("the answer has %d bytes and may have %d; ask for fewer rows or outputs at once, or raise the limit", len(body), s.opts.MaxMessageBytes)
	}
	if packing := wantedPacking(r.Header.Get("Accept-Encoding")); packing != "" && len(body) >= leastPacked {
		body = pack(body, packing)
		w.Header().Set("Content-Encoding", packing)
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(body) // the caller may be gone
	return nil
}

// leastPacked is from where packing an answer pays.
const leastPacked = 1 << 10

// wantedPacking returns the packing that the caller asks for, if that is all that
// it asks for: clients that name several take any, and the fastest is none.
func wantedPacking(accept string) string {
	switch accept = strings.TrimSpace(accept); accept {
	case "gzip", "deflate":
		return accept
	}
	return ""
}

func pack(body []byte, packing string) []byte {
	var out bytes.Buffer
	var packed io.WriteCloser = gzip.NewWriter(&out)
	if packing == "deflate" {
		packed = zlib.NewWriter(&out)
	}
	_, _ = packed.Write(body) // a buffer takes everything
	_ = packed.Close()
	return out.Bytes()
}

// A form is how the outputs of an answer are written: in JSON or raw.
type form struct {
	raw    bool            // of outputs that say nothing of their own
	byName map[string]bool // raw or not, by output
}

// write returns the JSON of an answer, and the raw contents that follow it; nil
// when there are none.
func (f *form) write(ans *answer) (head, raw []byte, err error) {
	type output struct {
		Name       string          `json:"name"`
		Datatype   string          `json:"datatype"`
		Shape      []int64         `json:"shape"`
		Parameters map[string]int  `json:"parameters,omitempty"`
		Data       json.RawMessage `json:"data,omitempty"`
	}
	resp := struct {
		ModelName    string           `json:"model_name"`
		ModelVersion string           `json:"model_version"`
		ID           string           `json:"id,omitempty"`
		Parameters   map[string]int64 `json:"parameters"`
		Outputs      []output         `json:"outputs"`
	}{ans.model, ans.version, ans.id, map[string]int64{catalogVersion: ans.catalog}, []output{}}
	for i := range ans.outputs {
		a := &ans.outputs[i]
		d, _ := datatypeOf(a.Elem)
		out := output{Name: a.Name, Datatype: d.name, Shape: a.Dims}
		if f.isRaw(a) {
			contents := rawOf(a)
			out.Parameters = map[string]int{"binary_data_size": len(contents)}
			if raw = append(raw, contents...); raw == nil {
				raw = []byte{} // of an output without elements
			}
		} else if out.Data, err = appendData(nil, a); err != nil {
			return nil, nil, err
		}
		resp.Outputs = append(resp.Outputs, out)
	}
	head, err = json.Marshal(resp)
	return head, raw, err
}

func (f *form) isRaw(a *scoring.Array) bool {
	if raw, said := f.byName[a.Name]; said {
		return raw
	}
	return f.raw
}
