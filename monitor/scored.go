package monitor

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"time"

	"larder/column"
	"larder/schema"
)

// A Role says how a version's scores were used.
type Role string

// The roles of a version.
const (
	Serve  Role = "serve"  // they were returned to the caller
	Shadow Role = "shadow" // they were not returned: the version scores requests that others answer
)

// Scored is a scored request, or the rows of a request that one version scored. It
// shares no memory with later requests and must not be changed.
type Scored struct {
	Plan      *schema.Plan // the plan of a model's version
	Role      Role         // empty means Serve
	RequestID string
	Numbers   []int // the numbers of the rows in the request, if it has more rows; nil for all of them
	At        int64 // the request's clock reading, in microseconds since 1970 UTC
	Rows      int
	Latency   time.Duration
	Keys      column.Columns
	Request   column.Columns  // values of the request and, as VIEW:FEATURE, values that override stored ones
	Dense     []float32       // rows × features, row by row; or
	Tensors   []column.Column // one for each feature; without a type where the model has no such input
	Scores    []float64       // nil for a model without a score
	Outputs   []Output        // all outputs of the model
	Statuses  []schema.Status // for each view and row: view*rows + row
	Ages      []int64         // the same, in microseconds
	// Positions are, for each view and row, the batch of its stream that an aggregate view was
	// answered from; nil without such a view.
	Positions []int64
}

// An Output is one output of a model, with what it gave for a request's rows.
type Output struct {
	Name   string
	Type   schema.Type   // of its values
	Width  int           // values of a row
	Single bool          // a row has one value, not a list of Width values
	Values column.Column // row by row; of no type where the output was not computed
}

// ColumnType returns the type of the output as a column with an entry for each row.
func (o *Output) ColumnType() schema.Type {
	if o.Single {
		return o.Type
	}
	return schema.List(o.Type)
}

// Column returns the output as a column with an entry for each row, all of them null where
// it was not computed.
func (o *Output) Column(rows int) column.Column {
	c := o.Values
	if c.Type == 0 {
		c = column.New(o.ColumnType(), rows)
		c.Valid = make([]bool, rows)
		return c
	}
	if o.Single {
		return c
	}
	return c.Lists(o.Width)
}

// Number returns the number of a row in the request.
func (s *Scored) Number(row int) int {
	if s.Numbers == nil {
		return row
	}
	return s.Numbers[row]
}

// MemoryBytes returns about how much memory it takes.
func (s *Scored) MemoryBytes() int64 {
	n := len(s.RequestID) + len(s.Dense)*4 + len(s.Scores)*8 + len(s.Ages)*9 + len(s.Positions)*8
	for _, columns := range [][]column.Column{s.Tensors, s.Keys.Values, s.Request.Values} {
		for i := range columns {
			n += columns[i].MemoryBytes()
		}
	}
	for i := range s.Outputs {
		n += s.Outputs[i].Values.MemoryBytes()
	}
	return int64(n)
}

// Sampled reports whether a request of a model is observed, and returns its id: the
// given id, or 16 random hexadecimal digits if that is empty.
//
// The share Rate of all ids is observed. Whether an id is observed depends only on the
// first 8 bytes of its SHA-256, as a big-endian unsigned number. So two requests with
// the same id are both observed or both not, on any server.
func Sampled(m *schema.Model, given string) (id string, sampled bool) {
	switch {
	case m.Log == nil:
		return "", false
	case given == "":
		drawn := rand.Uint64()
		if !within(drawn, m.Log.Rate) {
			return "", false
		}
		return hexadecimal(drawn), true
	case m.Log.Rate >= 1:
		return given, true
	}
	sum := sha256.Sum256([]byte(given))
	return given, within(binary.BigEndian.Uint64(sum[:8]), m.Log.Rate)
}

func hexadecimal(v uint64) string {
	var digits [16]byte
	var bytes [8]byte
	binary.BigEndian.PutUint64(bytes[:], v)
	hex.Encode(digits[:], bytes[:])
	return string(digits[:])
}

func within(drawn uint64, rate float64) bool {
	return rate >= 1 || float64(drawn)/math.MaxUint64 < rate
}
