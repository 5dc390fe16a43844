package verify

import (
	"context"
	"hash/maphash"

	"larder/schema"
	"larder/store/record"
	"larder/store/row"
)

// seenKeys is how many keys of a source are remembered, so that a key with many rows
// is usually looked up only once.
const seenKeys = 1 << 20

// maxLookUp is how many keys are looked up at once.
const maxLookUp = 32 << 10

// sourceKeys finds the keys of a source that have no row in the store.
type sourceKeys struct {
	*checker
	encoder *record.Encoder
	seed    maphash.Seed
	seen    []uint64 // hashes
	rows    int
	keys    row.Keys
	bytes   []int // the size of the row in which each key was found
}

func newSourceKeys(c *checker) *sourceKeys {
	return &sourceKeys{checker: c, encoder: record.NewEncoder(c.view), seed: maphash.MakeSeed(), seen: make([]uint64, seenKeys)}
}

// read reads the source up to the watermark, or some of its rows.
func (s *sourceKeys) read(ctx context.Context) error {
	w := schema.Window{Mode: schema.Full, From: schema.BeginningOfTime, To: s.mark.Time, Now: s.mark.Time}
	visit := func(rec arrowRecord, _ []schema.BadRow) error {
		_, err := s.encoder.Encode(rec, func(_ int, key []byte, _ int64, stored []byte) error {
			s.note(key, len(stored))
			return nil
		})
		if err != nil {
			return err
		}
		if s.keys.Len() >= maxLookUp {
			if err := s.lookUp(ctx); err != nil {
				return err
			}
		}
		if s.rows += int(rec.NumRows()); s.req.Sample > 0 && s.rows >= s.req.Sample {
			return errEnough
		}
		return nil
	}
	if s.req.Sample > 0 {
		return s.Offline.Sample(ctx, s.view, w, s.req.Sample, visit)
	}
	return s.Offline.Window(ctx, s.view, w, visit)
}

// note queues a key to be looked up, unless it was looked up already.
func (s *sourceKeys) note(key []byte, rowBytes int) {
	hash := maphash.Bytes(s.seed, key) | 1
	if at := hash % seenKeys; s.seen[at] != hash {
		s.seen[at] = hash
		s.keys.Append(func(dst []byte) []byte { return append(dst, key...) })
		s.bytes = append(s.bytes, rowBytes)
	}
}

// lookUp looks up the keys and queues those without a row to be compared.
func (s *sourceKeys) lookUp(ctx context.Context) error {
	there := make([]bool, s.keys.Len())
	err := s.Online.Read(ctx, &s.keys, s.keys.Len(), func(i int, _ int64, _ []byte) error {
		there[i] = true
		return nil
	})
	if err != nil {
		return err
	}
	for i, found := range there {
		if found {
			continue
		}
		if err := s.add(ctx, append([]byte(nil), s.keys.At(i)...), s.bytes[i]); err != nil {
			return err
		}
	}
	s.keys.Reset()
	s.bytes = s.bytes[:0]
	return nil
}
