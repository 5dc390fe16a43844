package onnxmodel_test

import (
	"bytes"
	"testing"

	"larder/internal/onnxmodel"
)

func TestASeedGivesTheSameBytes(t *testing.T) {
	f := func(encode func(seed uint64) []byte) {
		t.Helper()
		if !bytes.Equal(encode(1), encode(1)) {
			t.Error("one seed, two models")
		}
		if bytes.Equal(encode(1), encode(2)) {
			t.Error("two seeds, one model")
		}
	}
	f(func(seed uint64) []byte {
		return onnxmodel.Trees(onnxmodel.TreesOptions{Trees: 3, Depth: 3, Features: 4, Seed: seed})
	})
	f(func(seed uint64) []byte {
		return onnxmodel.MLP(onnxmodel.MLPOptions{Features: 4, Hidden: []int{3}, Seed: seed})
	})
	f(func(seed uint64) []byte {
		m := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "a", Elem: onnxmodel.Float}}, seed).Model()
		return m.Encode()
	})
}
