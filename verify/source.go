package verify

import (
	"context"
	"hash/maphash"

	"larder/schema"
	"larder/store/record"
	"larder/store/row"
)

// seenKeys is how many keys are remembered, so that most keys of a source are
// looked up once, however many rows they have.
const seenKeys = 1 << 20

// sourceKeys finds the keys of a source that the store has no row of.
type sourceKeys struct {
	*checker
	encoder *record.Encoder
	seed    maphash.Seed
	seen    []uint64 // hashes
	rows    int
	keys    row.Keys
	lacking *block
}

func newSourceKeys(c *checker) *sourceKeys {
	return &sourceKeys{checker: c, encoder: record.NewEncoder(c.view), seed: maphash.MakeSeed(), seen: make([]uint64, seenKeys), lacking: newBlock()}
}

// read reads the source up to the watermark.
func (s *sourceKeys) read(ctx context.Context) error {
	w := schema.Window{Mode: schema.Full, From: schema.BeginningOfTime, To: s.mark.Time, Now: s.mark.Time}
	return s.History.Window(ctx, s.view, w, func(rec arrowRecord, _ []schema.BadRow) error {
		_, err := s.encoder.Encode(rec, func(_ int, key []byte, _ int64, _ []byte) error {
			s.note(key)
			return nil
		})
		if err != nil {
			return err
		}
		if s.keys.Len() >= blockRows {
			if err := s.flush(ctx); err != nil {
				return err
			}
		}
		if s.rows += int(rec.NumRows()); s.req.Sample > 0 && s.rows >= s.req.Sample {
			return errEnough
		}
		return nil
	})
}

// note remembers a key to be looked up, unless it was.
func (s *sourceKeys) note(key []byte) {
	hash := maphash.Bytes(s.seed, key) | 1
	if at := hash % seenKeys; s.seen[at] != hash {
		s.seen[at] = hash
		s.keys.Append(func(dst []byte) []byte { return append(dst, key...) })
	}
}

// flush looks the keys up and compares those without a row.
func (s *sourceKeys) flush(ctx context.Context) error {
	there := make([]bool, s.keys.Len())
	err := s.Online.Read(ctx, &s.keys, func(i int, _ int64, _ []byte) error {
		there[i] = true
		return nil
	})
	if err != nil {
		return err
	}
	for i, found := range there {
		if !found {
			s.lacking.keys = append(s.lacking.keys, append([]byte(nil), s.keys.At(i)...))
			s.lacking.times = append(s.lacking.times, s.mark.Time)
		}
	}
	s.keys.Reset()
	return s.check(ctx, s.lacking)
}
