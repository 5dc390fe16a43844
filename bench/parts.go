package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/proto"

	larderv1 "larder/api/larder/v1"
)

// Parts are the parts of the mean request, in microseconds.
type Parts struct {
	Echo float64 `json:"echo_us"` // a bare request of the same sizes
	// Timed in the server, in the requests that were measured.
	Read    float64 `json:"read_us"`    // keys looked up, rows decoded, expressions computed, the input tensor filled
	Score   float64 `json:"score_us"`   // 0 where nothing scores
	Handler float64 `json:"handler_us"` // what the handler does beside: binds the request, makes the answer
	// Timed here, alone: what encoding and decoding the messages takes more than the
	// echo's messages.
	Encoding float64 `json:"encoding_us"`
	Sum      float64 `json:"sum_us"`
	Whole    float64 `json:"whole_us"` // the request, as the client sees it
	Lost     float64 `json:"lost_us"`  // the rest of the whole that is in no part
}

// stages are the counts of a server so far.
type stages struct {
	read, score, handler time.Duration
	requests             float64
}

const (
	stageSeconds   = "larder_serving_stage_seconds"
	handlerSeconds = "larder_grpcserver_request_seconds"
)

// stages reads what the server has counted, of the method that a scenario calls.
func (v *served) stages(ctx context.Context, s Scenario) (stages, error) {
	var text bytes.Buffer
	if err := v.fetch(ctx, "/metrics", &text); err != nil {
		return stages{}, err
	}
	method := larderv1.ServingService_GetFeaturesAndScore_FullMethodName
	if s.Model == "none" {
		method = larderv1.ServingService_GetFeatures_FullMethodName
	}
	counted := series(text.String())
	seconds := func(name string) time.Duration { return time.Duration(counted[name] * float64(time.Second)) }
	return stages{
		read: seconds(stageSeconds + `_sum{stage="read"}`), score: seconds(stageSeconds + `_sum{stage="score"}`),
		handler:  seconds(handlerSeconds + `_sum{method="` + method + `"}`),
		requests: counted[handlerSeconds+`_count{method="`+method+`"}`],
	}, nil
}

// series reads the text format of Prometheus: the value of each name with its labels.
func series(text string) map[string]float64 {
	values := map[string]float64{}
	for line := range strings.Lines(text) {
		at := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || at < 0 {
			continue
		}
		if v, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64); err == nil {
			values[line[:at]] = v
		}
	}
	return values
}

// parts makes the parts of the requests between two counts.
func parts(before, after stages, encoding time.Duration, larder, echo *recording) *Parts {
	n := after.requests - before.requests
	mean := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) / n }
	p := &Parts{
		Echo: echo.latencies.Mean() / float64(time.Microsecond), Read: mean(after.read - before.read), Score: mean(after.score - before.score),
		Encoding: float64(encoding) / float64(time.Microsecond), Whole: larder.latencies.Mean() / float64(time.Microsecond),
	}
	p.Handler = mean(after.handler-before.handler) - p.Read - p.Score
	p.Sum = p.Echo + p.Read + p.Score + p.Handler + p.Encoding
	p.Lost = p.Whole - p.Sum
	return p
}

// encodingTime is what encoding and decoding two messages takes, less what it takes of
// the echo's of the same sizes.
func encodingTime(request, answer proto.Message) (time.Duration, error) {
	ours, err := roundTrips(request, answer)
	if err != nil {
		return 0, err
	}
	echo, err := roundTrips(&larderv1.EchoRequest{Payload: make([]byte, proto.Size(request)), AnswerBytes: uint32(proto.Size(answer))},
		&larderv1.EchoResponse{Payload: make([]byte, proto.Size(answer))})
	return ours - echo, err
}

// roundTrips returns what it takes to encode and decode messages once each: the median
// of batches, since other work may meet some.
func roundTrips(messages ...proto.Message) (time.Duration, error) {
	const times = 500
	var batches [41]time.Duration
	for i := range batches {
		began := time.Now()
		for range times {
			for _, m := range messages {
				raw, err := proto.Marshal(m)
				if err != nil {
					return 0, err
				}
				if err := proto.Unmarshal(raw, m.ProtoReflect().New().Interface()); err != nil {
					return 0, err
				}
			}
		}
		batches[i] = time.Since(began) / times
	}
	slices.Sort(batches[:])
	return batches[len(batches)/2], nil
}

// print writes the parts as a table.
func (p *Parts) print(w io.Writer) error {
	fmt.Fprintln(w, "\nthe mean request, µs")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, part := range []struct {
		name  string
		value float64
	}{
		{"a bare request (echo)", p.Echo},
		{"messages encoded and decoded, alone", p.Encoding},
		{"features read into the vector, in the server", p.Read},
		{"scored, in the server", p.Score},
		{"the rest of the handler", p.Handler},
		{"sum of the parts", p.Sum},
		{"the whole", p.Whole},
		{"lost between the parts", p.Lost},
	} {
		fmt.Fprintf(t, "%s\t%.1f\t%.0f %%\n", part.name, part.value, 100*part.value/p.Whole)
	}
	return t.Flush()
}
