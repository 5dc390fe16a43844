package inference_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	inferencev2 "larder/api/inference"
	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
	"larder/internal/onnxmodel"
	"larder/schema"
)

// BenchmarkModelInfer asks one model for the scores of the same rows in both
// protocols, over the loopback. All 50 features come with the request, so that
// neither reads the store.
func BenchmarkModelInfer(b *testing.B) {
	const features = 50
	s := open(b, grpcserver.Options{})
	defs := &schema.Definitions{FeatureServices: []schema.FeatureService{{Name: "wide", Features: []string{"request:*"}}}}
	for f := range features {
		defs.FeatureServices[0].Request = append(defs.FeatureServices[0].Request, schema.Feature{Name: fmt.Sprint("f", f), Type: schema.Float32})
	}
	forest := onnxmodel.NewForest(onnxmodel.TreesOptions{Trees: 100, Depth: 6, Features: features, Seed: 1})
	network := onnxmodel.NewNetwork(onnxmodel.MLPOptions{Features: features, Hidden: []int{64, 32}, Seed: 1})
	for name, m := range map[string]onnxmodel.Model{"trees": forest.Model(), "mlp": network.Model()} {
		defs.Models = append(defs.Models, schema.Model{Name: name, FeatureService: "wide", Versions: []schema.ModelVersion{s.version(1, m)}})
	}
	s.publish(s.compile(2, defs))
	input := forest.Model().Graph.Inputs[0].Name
	for _, model := range []string{"trees", "mlp"} {
		if model == "mlp" {
			input = network.Model().Graph.Inputs[0].Name
		}
		for _, rows := range []int{1, 100, 1000} {
			x := make([]float32, rows*features)
			random := rand.New(rand.NewPCG(1, 1))
			for i := range x {
				x[i] = float32(random.NormFloat64())
			}
			b.Run(fmt.Sprintf("%s/rows=%d/GetFeaturesAndScore", model, rows), func(b *testing.B) {
				req := &larderv1.GetFeaturesAndScoreRequest{Model: model}
				for f := range features {
					column := make([]float32, rows)
					for row := range column {
						column[row] = x[row*features+f]
					}
					req.Request = append(req.Request, &larderv1.Column{Name: fmt.Sprint("f", f), Values: &larderv1.Column_Floats{Floats: &larderv1.Floats{Values: column}}})
				}
				for b.Loop() {
					if _, err := s.larder.GetFeaturesAndScore(b.Context(), req); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("%s/rows=%d/ModelInfer", model, rows), func(b *testing.B) {
				req := &inferencev2.ModelInferRequest{
					ModelName: model, Inputs: []*inferencev2.ModelInferRequest_InferInputTensor{tensor(input, "FP32", int64(rows), features)},
					RawInputContents: [][]byte{floats(x...)},
				}
				for b.Loop() {
					if _, err := s.client.ModelInfer(b.Context(), req); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
