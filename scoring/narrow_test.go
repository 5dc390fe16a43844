package scoring_test

import (
	"encoding/binary"
	"math"
	"testing"

	"larder/internal/onnxmodel"
	"larder/scoring"
)

// twoBytes are numbers that lie on, beside and between floats of two bytes.
var twoBytes = []float32{
	0, 1e-8, 2.9802322e-8, 2.9802326e-8, 6e-8, 1e-4, 0.1, 1.0004883, 1.0014648, 1, 2049, 2051, 65504, 65519, 65520, 70_000, 3e38,
	1.00390625, 1.01171875, -0.1, -2049, -70_000, float32(math.Inf(1)), float32(math.Inf(-1)),
}

// TestTwoByteFloatsScoreAsTheyAre: a score of float32 features has the bits that ONNX
// Runtime gives for the same features as floats of two bytes, whether the output has
// two bytes or four.
func TestTwoByteFloatsScoreAsTheyAre(t *testing.T) {
	const bfloat16 = onnxmodel.Elem(16)
	for _, elem := range []onnxmodel.Elem{onnxmodel.Float16, bfloat16} {
		for _, out := range []onnxmodel.Elem{elem, onnxmodel.Float} {
			file := timesHalf(elem, out)
			half := make([]byte, 0, 2*len(twoBytes))
			for _, v := range twoBytes {
				half = binary.LittleEndian.AppendUint16(half, nearestHalf(v, elem))
			}
			n := int64(len(twoBytes))
			as, err := inferring(t, numbers(1), file).Infer(t.Context(), []scoring.Array{{Name: "x", Elem: scoring.Elem(elem), Dims: []int64{n, 1}, Data: half}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			scores := scoresOf(t, load(t, numbers(1), file), len(twoBytes), twoBytes)
			for i, got := range scores {
				var want float64
				switch {
				case out == onnxmodel.Float:
					want = float64(math.Float32frombits(binary.LittleEndian.Uint32(as[0].Data[4*i:])))
				case elem == onnxmodel.Float16:
					want = decodeHalf(binary.LittleEndian.Uint16(as[0].Data[2*i:]))
				default:
					want = float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(as[0].Data[2*i:])) << 16))
				}
				if math.Float64bits(got) != math.Float64bits(want) {
					t.Errorf("element %d to %d: %v scores %v; ONNX Runtime fed two bytes gives %v", elem, out, twoBytes[i], got, want)
				}
			}
		}
	}
}

// timesHalf multiplies a float of two bytes by a third: a float16 as it is, which ONNX
// Runtime computes in float32, and a bfloat16 by a cast, because it has no kernel.
func timesHalf(elem, out onnxmodel.Elem) []byte {
	g := onnxmodel.Graph{
		Inputs:  []onnxmodel.Value{{Name: "x", Elem: elem, Dims: []any{"N", int64(1)}}},
		Outputs: []onnxmodel.Value{{Name: "y", Elem: out, Dims: []any{"N", int64(1)}}},
	}
	factor := onnxmodel.Tensor{Name: "factor", Elem: elem, Dims: []int64{1, 1}, Raw: []byte{0x55, 0x35}}
	from := "x"
	if elem != onnxmodel.Float16 {
		from, factor = "wide", onnxmodel.Floats("factor", []int64{1, 1}, []float32{1. / 3})
		g.Nodes = append(g.Nodes, onnxmodel.Node{Op: "Cast", In: []string{"x"}, Out: []string{from}, Attrs: []onnxmodel.Attr{{Name: "to", Value: int64(onnxmodel.Float)}}})
	}
	g.Initializers = []onnxmodel.Tensor{factor}
	g.Nodes = append(
		g.Nodes, onnxmodel.Node{Op: "MatMul", In: []string{from, "factor"}, Out: []string{"product"}},
		onnxmodel.Node{Op: "Cast", In: []string{"product"}, Out: []string{"y"}, Attrs: []onnxmodel.Attr{{Name: "to", Value: int64(out)}}},
	)
	m := onnxmodel.Model{Graph: g}
	return m.Encode()
}

// nearestHalf searches all floats of two bytes for the nearest, the even one of two; it
// is slow and obvious.
func nearestHalf(v float32, elem onnxmodel.Elem) uint16 {
	decode, infinite := decodeHalf, uint16(0x7c00)
	beyond := 65536.0 // what follows the largest
	if elem != onnxmodel.Float16 {
		decode, infinite = func(b uint16) float64 { return float64(math.Float32frombits(uint32(b) << 16)) }, 0x7f80
		beyond = math.Ldexp(1, 128)
	}
	size, sign := math.Abs(float64(v)), uint16(math.Float32bits(v)>>31)<<15
	best, distance := uint16(0), math.Inf(1)
	for bits := uint16(0); bits <= infinite; bits++ {
		value := decode(bits)
		if bits == infinite {
			value = beyond
		}
		d := math.Abs(value - size)
		if d < distance || d == distance && bits%2 == 0 {
			best, distance = bits, d
		}
		if math.IsInf(size, 0) {
			best = infinite
		}
	}
	return best | sign
}
