package featurelog

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"time"

	"larder/schema"
	"larder/vector"
)

// A Role says what a version's scores were for.
type Role string

// The roles of a version.
const (
	Serve  Role = "serve"  // they were the answer
	Shadow Role = "shadow" // nobody's: the version tries what others answer
)

// An Entry is one request that was scored, or the rows of one that a version
// scored. Its columns must not change any more.
type Entry struct {
	Plan       *schema.Plan // of a model's version
	Role       Role         // empty means Serve
	RequestID  string
	Numbers    []int // of the rows in the request, where it has more; nil for all of them
	At         int64 // the request's clock reading, in microseconds since 1970 UTC
	Rows       int
	Latency    time.Duration
	Keys       vector.Columns
	Request    vector.Columns // values of the request and, as VIEW:FEATURE, over stored ones
	Dense      []float32      // rows × features, row by row; or
	Tensors    []vector.Column
	Scores     []float64
	Statuses   []schema.Status // of each view and row: view*rows + row
	Ages       []int64         // alike
	overridden []string        // of Request, what goes over stored values; Offer fills it in
}

// Sampled tells whether a request of a model is logged, and the id that the log has
// it under: given, or where that is empty 16 hexadecimal digits that are drawn.
//
// The share Rate of all ids is logged. A given id always or never is, by the first 8
// bytes of its SHA-256 as a number without a sign, most significant first: what is
// asked twice under one id is logged twice or not at all, by whichever server.
func Sampled(m *schema.Model, given string) (id string, logged bool) {
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

// number returns which row of the request a row is.
func (e *Entry) number(row int) int {
	if e.Numbers == nil {
		return row
	}
	return e.Numbers[row]
}

// bytes estimates what an entry holds in memory.
func (e *Entry) bytes() int64 {
	n := int64(len(e.RequestID) + len(e.Dense)*4 + len(e.Scores)*8 + len(e.Ages)*9)
	for _, columns := range [][]vector.Column{e.Tensors, e.Keys.Values, e.Request.Values} {
		for i := range columns {
			n += columnBytes(&columns[i])
		}
	}
	return n
}

func columnBytes(c *vector.Column) int64 {
	n := len(c.Bools) + 4*len(c.Int32s) + 8*len(c.Int64s) + 4*len(c.Float32s) + 8*len(c.Float64s) + 16*len(c.Strings) + 24*len(c.Bytes) + 4*len(c.Ends)
	for _, s := range c.Strings {
		n += len(s)
	}
	for _, b := range c.Bytes {
		n += len(b)
	}
	return int64(n)
}
