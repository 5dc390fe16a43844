package inference

import (
	"encoding/json"
	"errors"
	"net/http"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	inferencev2 "larder/api/inference"
	"larder/internal/grpcserver"
	"larder/schema"
)

// HTTPHandler answers /v2 and what is below it. It must be served by grpcserver.
func (s *Server) HTTPHandler() *grpcserver.Mux {
	mux := new(grpcserver.Mux)
	mux.Handle(liveOperation, grpcserver.Answering(func(*http.Request) ([]byte, error) { return []byte(`{"live":true}`), nil }))
	mux.Handle(readyOperation, s.getReady)
	mux.Handle(serverOperation, grpcserver.Answering(s.getServer))
	mux.HandleFunc("GET /v2/{$}", grpcserver.Answering(s.getServer))
	for _, version := range []bool{false, true} {
		mux.Handle(ofModel(modelOperation, version), grpcserver.Answering(s.getModel))
		mux.Handle(ofModel(modelReadyOperation, version), s.getModelReady)
		mux.Handle(ofModel(configOperation, version), grpcserver.Answering(s.getConfig))
		mux.Handle(ofModel(statsOperation, version), grpcserver.Answering(s.getStats))
		mux.Handle(ofModel(inferOperation, version), s.postInfer)
	}
	mux.Handle(allStatsOperation, grpcserver.Answering(s.getStats))
	mux.Handle(indexOperation, grpcserver.Answering(s.postIndex))
	mux.Handle(loadOperation, grpcserver.Answering(s.postLoad))
	mux.Handle(unloadOperation, grpcserver.Answering(s.postUnload))
	return mux
}

func (s *Server) getReady(w http.ResponseWriter, _ *http.Request) {
	writeReady(w, map[string]any{}, s.selfReady())
}

func (s *Server) getModelReady(w http.ResponseWriter, r *http.Request) {
	model := r.PathValue("model")
	writeReady(w, map[string]any{"name": model}, s.ready(model, r.PathValue("version")))
}

// writeReady answers whether something is ready, or why it is not.
func writeReady(w http.ResponseWriter, state map[string]any, err error) {
	state["ready"] = err == nil
	if err != nil {
		grpcserver.WriteStateError(w, err, state)
		return
	}
	body, err := json.Marshal(state)
	if err != nil {
		grpcserver.WriteError(w, err)
		return
	}
	grpcserver.WriteJSON(w, body)
}

func (s *Server) getServer(r *http.Request) ([]byte, error) {
	resp, err := s.ServerMetadata(r.Context(), nil)
	return jsonOf(resp, err)
}

func (s *Server) getModel(r *http.Request) ([]byte, error) {
	resp, err := s.ModelMetadata(r.Context(), &inferencev2.ModelMetadataRequest{Name: r.PathValue("model"), Version: r.PathValue("version")})
	if err != nil {
		return nil, err
	}
	// The protocol wants numbers for shapes; protobuf's JSON has 64-bit ones in quotes.
	return json.Marshal(map[string]any{
		"name": resp.GetName(), "versions": resp.GetVersions(), "platform": resp.GetPlatform(),
		"inputs": tensorsOf(resp.GetInputs()), "outputs": tensorsOf(resp.GetOutputs()),
	})
}

// A jsonTensor is the metadata of a tensor.
type jsonTensor struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
}

func tensorsOf(all []*inferencev2.ModelMetadataResponse_TensorMetadata) []jsonTensor {
	tensors := make([]jsonTensor, len(all))
	for i, t := range all {
		tensors[i] = jsonTensor{t.GetName(), t.GetDatatype(), append([]int64{}, t.GetShape()...)}
	}
	return tensors
}

func (s *Server) getConfig(r *http.Request) ([]byte, error) {
	resp, err := s.ModelConfig(r.Context(), &inferencev2.ModelConfigRequest{Name: r.PathValue("model"), Version: r.PathValue("version")})
	if err != nil {
		return nil, err
	}
	type tensor struct {
		Name     string  `json:"name"`
		DataType string  `json:"data_type"`
		Dims     []int64 `json:"dims"`
	}
	c := resp.GetConfig()
	inputs, outputs := make([]tensor, len(c.GetInput())), make([]tensor, len(c.GetOutput()))
	for i, t := range c.GetInput() {
		inputs[i] = tensor{t.GetName(), t.GetDataType().String(), append([]int64{}, t.GetDims()...)}
	}
	for i, t := range c.GetOutput() {
		outputs[i] = tensor{t.GetName(), t.GetDataType().String(), append([]int64{}, t.GetDims()...)}
	}
	return json.Marshal(map[string]any{
		"name": c.GetName(), "platform": c.GetPlatform(), "max_batch_size": c.GetMaxBatchSize(), "backend": c.GetBackend(),
		"input": inputs, "output": outputs,
	})
}

func (s *Server) postIndex(r *http.Request) ([]byte, error) {
	body, err := grpcserver.ReadBody(r)
	if err != nil {
		return nil, err
	}
	var asked struct {
		Ready bool `json:"ready"`
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &asked); err != nil {
			return nil, badJSON("the body is not an object such as {\"ready\": true}")
		}
	}
	resp, err := s.RepositoryIndex(r.Context(), &inferencev2.RepositoryIndexRequest{Ready: asked.Ready})
	if err != nil {
		return nil, err
	}
	type entry struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		State   string `json:"state"`
		Reason  string `json:"reason"`
	}
	all := []entry{}
	for _, m := range resp.GetModels() {
		all = append(all, entry{m.GetName(), m.GetVersion(), m.GetState(), m.GetReason()})
	}
	return json.Marshal(all)
}

func (s *Server) postLoad(r *http.Request) ([]byte, error) {
	body, err := grpcserver.ReadBody(r)
	if err != nil {
		return nil, err
	}
	var asked struct {
		Parameters json.RawMessage `json:"parameters"`
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &asked); err != nil {
			return nil, badJSON("the body is not a JSON object")
		}
	}
	req := &inferencev2.RepositoryModelLoadRequest{ModelName: r.PathValue("model"), Parameters: map[string]*inferencev2.ModelRepositoryParameter{}}
	if len(asked.Parameters) > 0 && string(asked.Parameters) != "null" {
		err := schema.JSONMembers(asked.Parameters, func(name string, _ json.RawMessage) error {
			req.Parameters[name] = nil
			return errFull // one is refused, whatever it says
		})
		if err != nil && !errors.Is(err, errFull) {
			return nil, badJSON("the body is not a JSON object with an object of parameters")
		}
	}
	_, err = s.RepositoryModelLoad(r.Context(), req)
	return nil, err
}

func (s *Server) postUnload(r *http.Request) ([]byte, error) {
	_, err := s.RepositoryModelUnload(r.Context(), &inferencev2.RepositoryModelUnloadRequest{ModelName: r.PathValue("model")})
	return nil, err
}

// jsonOf returns a message under the names of the .proto file.
func jsonOf(m proto.Message, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(m)
}

func badJSON(format string, args ...any) error {
	return schema.BadJSON.Errorf(format, args...)
}
