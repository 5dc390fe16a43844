package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"larder/column"
	"larder/schema"
	"larder/store/row"
	"larder/training"
	"larder/vector"
)

// served holds the store's answers for some keys.
type served struct {
	keys  keyValues
	batch *vector.Batch
	// times are the times of the answers: the watermark, or the time at which the stored
	// row became visible if that is later.
	times      []int64
	unreadable map[int]error // rows that can't be decoded for a request
}

// serve answers keys as a request does. The row of a key and the time of its answer
// come from one read, so that a row which is written meanwhile is not answered at a
// time before its own.
func (c *checker) serve(ctx context.Context, keys keyValues, mark int64) (*served, error) {
	s := &served{keys: keys, batch: c.program.NewBatch(), times: slices.Repeat([]int64{mark}, len(keys)), unreadable: map[int]error{}}
	s.batch.Reset(len(keys), 0)
	s.batch.SetTimes(s.times)
	if err := s.batch.BindKeys(keys.columns(c.view.Keys)); err != nil {
		return nil, err
	}
	if err := s.batch.BindRequest(column.Columns{}); err != nil {
		return nil, err
	}
	s.batch.WantColumns()
	err := c.Online.Read(ctx, s.batch.Keys(), s.batch.Rows(), func(i int, eventTime int64, stored []byte) error {
		header, err := row.ParseHeader(stored)
		if err != nil {
			s.unreadable[i] = err
			return nil
		}
		s.times[i] = max(mark, eventTime, header.Ingest)
		err = s.batch.Visit(i, eventTime, stored)
		var said *schema.Error
		if errors.As(err, &said) && said.Kind == schema.Internal {
			s.unreadable[i] = said.Err
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, s.batch.Finish()
}

// A different is a key with different answers.
type different struct {
	Difference
	at       int   // of the keys
	moved    bool  // the two answers have rows with different event times
	newer    bool  // the source has no row as new as the store's
	features []int // that differ
}

// compare returns the keys, in order, where the store's answer differs from that of a
// training set at the given times.
func (c *checker) compare(ctx context.Context, s *served, times []int64) ([]different, error) {
	spine := s.keys.spine(c.view.Keys, times)
	defer spine.Release()
	var mu sync.Mutex
	var differ []different
	set, err := training.New(c.Offline, spine.Schema(), training.Request{Plan: c.plan, EventTimeColumn: timeColumn, Vectors: func(first int64, trained *vector.Batch) error {
		var found []different
		for i := range trained.Rows() {
			at := int(first) + i
			if d, same := c.compareRow(s, at, trained, i, times[at]); !same {
				d.at = at
				found = append(found, d)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		differ = append(differ, found...)
		return nil
	}})
	if err != nil {
		return nil, err
	}
	if _, err := set.Run(ctx, spine, func(arrowRecord) error { return nil }); err != nil {
		return nil, err
	}
	slices.SortFunc(differ, func(a, b different) int { return a.at - b.at })
	return differ, nil
}

// compareRow compares the store's answer for key i with row j of a training set. The
// row may be for another time, when it asks what was due.
func (c *checker) compareRow(s *served, i int, trained *vector.Batch, j int, then int64) (different, bool) {
	online, source := s.batch.Statuses(0)[i], trained.Statuses(0)[j]
	onlineEvent, sourceEvent := s.times[i]-s.batch.Ages(0)[i], then-trained.Ages(0)[j]
	var d different
	switch err := s.unreadable[i]; {
	case err != nil:
		d.Kind, d.Online, d.Source = Mismatched, "a row that can't be read: "+err.Error(), found(source, sourceEvent)
		return d, false
	case online == schema.StatusNotFound && source == schema.StatusNotFound:
		return d, true
	case online == schema.StatusNotFound:
		d.Kind, d.Online, d.Source = Missing, found(online, 0), found(source, sourceEvent)
		return d, false
	case source == schema.StatusNotFound:
		d.Kind, d.Online, d.Source, d.newer = Extra, found(online, onlineEvent), found(source, 0), true
		return d, false
	case online != source && onlineEvent == sourceEvent && s.times[i] != then:
		return d, true // the same row, expired meanwhile
	case online != source, onlineEvent != sourceEvent:
		d.moved, d.newer = onlineEvent != sourceEvent, onlineEvent > sourceEvent
		d.Kind, d.Online, d.Source = Mismatched, found(online, onlineEvent), found(source, sourceEvent)
		return d, false
	}
	a, b := s.batch.Columns(), trained.Columns()
	for f := range a {
		if a[f].Statuses[i] == b[f].Statuses[j] && a[f].EqualRow(i, &b[f], j) {
			continue
		}
		if d.features = append(d.features, f); len(d.features) == 1 {
			d.Kind, d.Feature = Mismatched, c.view.Features[f].Name
			d.Online, d.Source = texts(&a[f], i, &b[f], j)
		}
	}
	return d, len(d.features) == 0
}

// found describes the result for a key.
func found(status schema.Status, eventTime int64) string {
	if status == schema.StatusNotFound {
		return status.String()
	}
	return fmt.Sprintf("%s, of %s", status, moment(eventTime))
}
