package training

import (
	"bytes"
	"context"
	"math"

	"github.com/apache/arrow/go/v17/arrow"

	"larder/store/offline"
	"larder/store/row"
)

// A question is a round of look-ups. The first asks for one row each, by event time
// alone. If that row arrived too late, another round asks again among the rows that
// had arrived. If it is a bad row, another round asks for more rows.
type question struct {
	rows    []int32 // of the chunk
	arrived bool
	limit   int
}

// moreRows is the factor by which a round asks for more rows after a round that found
// only bad rows.
const moreRows = 8

// lookUp finds the rows that win a chunk's look-ups in a view and hands them to
// the batch.
func (w *worker) lookUp(ctx context.Context, view int, c *chunk, order []int32) error {
	questions := []question{{rows: order, limit: 1}}
	for len(questions) > 0 {
		r := round{worker: w, view: view, chunk: c, question: questions[0], byIngest: w.run.set.byIngest(view)}
		if err := r.ask(ctx); err != nil {
			return err
		}
		questions = questions[1:]
		if len(r.hidden) > 0 {
			w.found[view].hidden += int64(len(r.hidden))
			questions = append(questions, question{rows: r.hidden, arrived: true, limit: 1})
		}
		if more := r.undecided(); len(more) > 0 {
			questions = append(questions, question{rows: more, arrived: r.arrived, limit: min(r.limit*moreRows, math.MaxInt32)})
		}
	}
	return nil
}

// byIngest reports whether a row of a view can be hidden until it has arrived.
func (s *Set) byIngest(view int) bool {
	return s.req.AsOf == IngestTime && s.views[view].Origin.CreatedTimestampColumn != ""
}

// A round asks one question.
type round struct {
	*worker
	question
	view     int
	chunk    *chunk
	byIngest bool

	hidden []int32 // rows of the chunk whose winner had not arrived
	// If bad rows were found, or more than one row was requested: the best row for each
	// row of the question, and the number of rows returned.
	best  map[int32]*candidate
	count map[int32]int
}

// A candidate is a source row that may win. Larger event times win, then larger ingest
// times. A missing ingest time is the least. Of equal ones that which comes first wins.
type candidate struct {
	event, ingest int64
	bytes         []byte
}

func (a *candidate) beats(b *candidate) bool {
	return a.event > b.event || a.event == b.event && a.ingest > b.ingest
}

func (r *round) ask(ctx context.Context) error {
	p := &offline.Probes{Arrived: r.arrived, Limit: r.limit, Keys: make([][]byte, len(r.rows)), Times: make([]int64, len(r.rows))}
	first := r.view * len(r.chunk.times)
	for i, at := range r.rows {
		p.Keys[i], p.Times[i] = r.batch.Keys().At(first+int(at)), r.chunk.times[at]
	}
	r.best, r.count = map[int32]*candidate{}, map[int32]int{}
	if err := r.session.Newest(ctx, r.view, p, r.take); err != nil {
		return err
	}
	for i, best := range r.best {
		if err := r.decide(i, best); err != nil {
			return err
		}
	}
	return nil
}

// take adds answers.
func (r *round) take(a offline.Answers) error {
	for _, i := range a.Bad {
		r.found[r.view].bad++
		r.count[i]++
	}
	read, err := r.encode(a.Record, a.Probes)
	if err != nil {
		return err
	}
	for at, i := range a.Probes {
		if !read[at] { // too large
			r.found[r.view].bad++
			r.count[i]++
		}
	}
	return nil
}

// encode encodes answers, decides look-ups with a single answer, and reports which
// rows could be encoded.
func (r *round) encode(rec arrow.Record, probes []int32) (read []bool, err error) {
	read = make([]bool, rec.NumRows())
	_, err = r.encoders[r.view].Encode(rec, func(at int, key []byte, event int64, stored []byte) error {
		i := probes[at]
		read[at] = true
		if !bytes.Equal(key, r.keyOf(i)) {
			return nil // equal in Postgres, as text with trailing blanks is
		}
		header, err := row.ParseHeader(stored)
		if err != nil {
			return err
		}
		x := candidate{event: event, ingest: header.Ingest, bytes: stored}
		if r.limit == 1 {
			return r.decide(i, &x)
		}
		r.count[i]++
		if best := r.best[i]; best == nil || x.beats(best) {
			x.bytes = bytes.Clone(stored)
			r.best[i] = &x
		}
		return nil
	})
	return read, err
}

func (r *round) keyOf(i int32) []byte {
	return r.batch.Keys().At(r.view*len(r.chunk.times) + int(r.rows[i]))
}

// decide handles the winner of a look-up: a row, a tombstone or none.
func (r *round) decide(i int32, x *candidate) error {
	at := r.rows[i]
	if r.byIngest && !r.arrived && x.ingest > r.chunk.times[at] {
		r.hidden = append(r.hidden, at)
		return nil
	}
	return r.batch.VisitRow(r.view*len(r.chunk.times)+int(at), x.event, x.bytes)
}

// undecided returns the rows of the chunk that got only bad rows, as many as
// requested.
func (r *round) undecided() []int32 {
	var rows []int32
	for i, n := range r.count {
		if r.best[i] == nil && n >= r.limit {
			rows = append(rows, r.rows[i])
		}
	}
	return rows
}
