package inference

import (
	"encoding/json"
	"net/http"
	"strconv"

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
	body, err := grpcserver.ReadBody(r)
	if err != nil {
		return err
	}
	length := len(body)
	if said := r.Header.Get(headerLength); said != "" {
		if length, err = strconv.Atoi(said); err != nil || length < 0 || length > len(body) {
			return schema.BadHeader.Errorf("%s is %q; it is the number of bytes of JSON, at most the %d of the body", headerLength, clip(said), len(body))
		}
	}
	model, version := r.PathValue("model"), r.PathValue("version")
	read := func() (*request, error) {
		req, err := parseInfer(body[:length], body[length:])
		if err == nil {
			req.model, req.version = model, version
		}
		return req, err
	}
	var head, raw []byte
	write := func(req *request, ans *answer) (err error) {
		head, raw, err = req.form.write(ans)
		return err
	}
	if err := s.counted(r.Context(), model, version, read, write); err != nil {
		return err
	}
	writeBody(w, head, raw)
	return nil
}

// writeBody answers with JSON and the raw contents after it.
func writeBody(w http.ResponseWriter, head, raw []byte) {
	if raw == nil {
		grpcserver.WriteJSON(w, head)
		return
	}
	header := http.Header{"Content-Type": {"application/octet-stream"}, headerLength: {strconv.Itoa(len(head))}}
	grpcserver.WriteBody(w, header, append(head, raw...))
}

// A form is how the outputs of an answer are written: in JSON or raw.
type form struct {
	raw    *bool           // of outputs that say nothing of their own; nil: the request does not say
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
	return f.raw != nil && *f.raw
}
