package inference_test

import (
	"context"
	"encoding/binary"
	"math"
	"sync"
	"testing"

	inferencev2 "larder/api/inference"
	"larder/internal/grpcserver"
	"larder/schema"
)

// While versions come and go, every request is answered, and by the version that
// it names: with the score alone, and through the session of all outputs, whose
// models are unloaded under it.
func TestSwapUnderLoad(t *testing.T) {
	s := open(t, grpcserver.Options{})
	defs := s.definitions()
	ctx, stop := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	ask := func(req *inferencev2.ModelInferRequest, check func(version string, score float32)) {
		asking.Go(func() {
			for ctx.Err() == nil {
				resp, err := s.server.ModelInfer(t.Context(), req)
				if err != nil {
					t.Error(err)
					return
				}
				check(resp.GetModelVersion(), math.Float32frombits(binary.LittleEndian.Uint32(resp.GetRawOutputContents()[0])))
			}
		})
	}
	x := []float32{10, 11, 7, 1.5}
	want := map[string]float32{"1": forests[0].Score(x), "2": forests[1].Score(x)}
	ask(risk("", x), func(version string, score float32) {
		if score != want[version] {
			t.Errorf("version %s: score %v; want %v", version, score, want[version])
		}
	})
	all := &inferencev2.ModelInferRequest{
		ModelName: "casts", RawInputContents: [][]byte{floats(3)},
		Inputs: []*inferencev2.ModelInferRequest_InferInputTensor{tensor("x", "FP32", 1, 1)},
	}
	ask(all, func(version string, score float32) {
		if score != 3 {
			t.Errorf("version %s of casts: score %v; want 3", version, score)
		}
	})
	for i := range 30 {
		next := *defs
		next.Models = append([]schema.Model{}, defs.Models...)
		next.Models[0].Versions = defs.Models[0].Versions[i%2:][:1]
		next.Models[0].Serve = int64(1 + i%2)
		next.Models[2].Versions = []schema.ModelVersion{defs.Models[2].Versions[0]}
		next.Models[2].Versions[0].Version = int64(1 + i)
		s.publish(s.compile(int64(2+i), &next))
	}
	stop()
	asking.Wait()
}
