package grpcserver_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	inferencev2 "larder/api/inference"
	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
)

// allocated returns how much memory decoding a message takes.
func allocated(t testing.TB, wire []byte, into proto.Message) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := proto.Unmarshal(wire, into)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// TestDecodedSizeIsWhatDecodingTakes: within a factor, for messages whose decoded form is
// small or many times as large as what was sent.
func TestDecodedSizeIsWhatDecodingTakes(t *testing.T) {
	f := func(name string, m proto.Message, wire []byte) {
		t.Helper()
		got := grpcserver.DecodedSize(wire, m)
		took := allocated(t, wire, m)
		if got > 3*took+4096 || 3*got+4096 < took {
			t.Errorf("%s: %d bytes on the wire are said to take %d, and took %d", name, len(wire), got, took)
		}
	}
	encode := func(m proto.Message) []byte {
		wire, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return wire
	}
	score := func() proto.Message { return new(larderv1.GetFeaturesAndScoreRequest) }
	infer := func() proto.Message { return new(inferencev2.ModelInferRequest) }
	f("empty columns", score(), bytes.Repeat([]byte{3<<3 | 2, 0}, 100_000))
	f("small integers", score(), encode(&larderv1.GetFeaturesAndScoreRequest{Entities: []*larderv1.Column{{
		Name: "id", Values: &larderv1.Column_Int64S{Int64S: &larderv1.Int64S{Values: make([]int64, 100_000)}},
	}}}))
	f("doubles", score(), encode(&larderv1.GetFeaturesAndScoreRequest{Request: []*larderv1.Column{{
		Name: "x", Values: &larderv1.Column_Doubles{Doubles: &larderv1.Doubles{Values: make([]float64, 100_000)}},
	}}}))
	f("empty texts", score(), encode(&larderv1.GetFeaturesAndScoreRequest{Request: []*larderv1.Column{{
		Name: "x", Values: &larderv1.Column_Strings{Strings: &larderv1.Strings{Values: make([]string, 100_000)}},
	}}}))
	f("a long text", score(), encode(&larderv1.GetFeaturesAndScoreRequest{Model: strings.Repeat("m", 1<<20)}))
	f("a field that nobody knows", score(), append([]byte{200<<3&0x7f | 0x82, 12, 0x80, 0x80, 0x40}, make([]byte, 1<<20)...))
	parameters := map[string]*inferencev2.InferParameter{}
	for i := range 50_000 {
		parameters[string(rune(i+0x100))] = &inferencev2.InferParameter{ParameterChoice: &inferencev2.InferParameter_BoolParam{BoolParam: true}}
	}
	f("a map", infer(), encode(&inferencev2.ModelInferRequest{Parameters: parameters}))
	f("empty inputs", infer(), bytes.Repeat([]byte{5<<3 | 2, 0}, 100_000))
	f("raw contents", infer(), encode(&inferencev2.ModelInferRequest{RawInputContents: [][]byte{make([]byte, 1<<20)}}))
}

// FuzzDecodedSize: no bytes are said to take far less than they do.
func FuzzDecodedSize(f *testing.F) {
	f.Add([]byte{3<<3 | 2, 0, 3<<3 | 2, 0}, false)
	f.Add([]byte{10, 1, 'm', 26, 6, 10, 1, 'a', 34, 1, 7}, false)
	f.Add([]byte{5<<3 | 2, 4, 10, 2, 'x', 'y'}, true)
	f.Fuzz(func(t *testing.T, wire []byte, infer bool) {
		var m proto.Message = new(larderv1.GetFeaturesAndScoreRequest)
		if infer {
			m = new(inferencev2.ModelInferRequest)
		}
		got := grpcserver.DecodedSize(wire, m)
		if most := 400 * int64(len(wire)+1); got > most {
			t.Errorf("%d bytes are said to take %d", len(wire), got)
		}
		if proto.Unmarshal(wire, m) == nil && got < int64(proto.Size(m))/2 {
			t.Errorf("a message of %d bytes is said to take %d", proto.Size(m), got)
		}
	})
}
