package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	larderv1 "larder/api/larder/v1"
)

const (
	visibleRate  = 10_000           // events a second
	probeEvery   = 50               // events: one is of a key that had none, and is looked for
	lookEvery    = time.Millisecond // how long to wait before the next look
	lookPatience = 30 * time.Second // for the last probes to be visible
	maxLooked    = 1000             // probes of one request
)

// A probe is an event whose way is followed. Times are nanoseconds after the first event
// was due; 0 means that it isn't there yet.
type probe struct{ acknowledged, consumed, seen atomic.Int64 }

// probes follow some of the events that are sent at a steady rate: those of a schedule,
// which does not wait for anything.
type probes struct {
	*streams
	topic *topic
	first int // the number of the first event; others were sent before
	total int // events
	began time.Time
	all   []probe
}

// visible measures how long after the broker has an event GetFeatures shows it, beside how
// long after a bare consumer has it.
func (s *streams) visible(ctx context.Context, t *topic, sent int) error {
	s.opts.Progress(fmt.Sprintf("%d events/s for %s", visibleRate, s.base.Duration))
	total := int((warmUp + s.base.Duration).Seconds() * visibleRate)
	p := &probes{streams: s, topic: t, first: sent, total: total, all: make([]probe, total/probeEvery)}
	from, err := t.ends(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, warmUp+s.base.Duration+lookPatience)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	p.began = time.Now()
	g.Go(func() error { return p.send(ctx) })
	g.Go(func() error { return p.consume(ctx, from) })
	g.Go(func() error { return p.look(ctx) })
	if err := g.Wait(); err != nil {
		return errors.Join(err, ctx.Err())
	}
	var seen, consumed []time.Duration
	for i := int(warmUp.Seconds() * visibleRate / probeEvery); i < len(p.all); i++ {
		at := p.all[i].acknowledged.Load()
		seen = append(seen, time.Duration(p.all[i].seen.Load()-at))
		consumed = append(consumed, time.Duration(max(0, p.all[i].consumed.Load()-at))) // a consumer may be told first
	}
	for _, b := range []struct {
		Bar
		q float64
	}{{visibleP50, 0.5}, {visibleP99, 0.99}} {
		b.Figure = quantile(seen, b.q).Seconds() * 1e3
		b.Beside = []Beside{{Figure: quantile(consumed, b.q).Seconds() * 1e3, Of: "to a bare consumer"}}
		s.add(b.compare())
	}
	return nil
}

func (p *probes) now() int64 { return int64(time.Since(p.began)) }

// probeKey returns the key of a probe, which no other event has.
func probeKey(i int) int64 { return sentKeys + int64(i) }

// send sends each event when it is due.
func (p *probes) send(ctx context.Context) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	failed := make(chan error, 1)
	random := rand.New(rand.NewPCG(7, 8))
	for n := 0; n < p.total; {
		for due := min(p.total, int(time.Since(p.began).Seconds()*visibleRate)); n < due; n++ {
			at := p.began.Add(time.Duration(n) * time.Second / visibleRate)
			r, key := &kgo.Record{}, random.Int64N(sentKeys)
			followed := n%probeEvery == 0
			if followed {
				key = probeKey(n / probeEvery)
				r.Key = binary.BigEndian.AppendUint64(nil, uint64(n/probeEvery))
			}
			r.Value = event(nil, p.first+n, key, float64(random.IntN(10_000))/100, at)
			p.topic.client.Produce(ctx, r, func(r *kgo.Record, err error) {
				if err != nil {
					select {
					case failed <- err:
					default:
					}
				} else if r.Key != nil {
					p.all[binary.BigEndian.Uint64(r.Key)].acknowledged.Store(p.now())
				}
			})
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			return fmt.Errorf("send to topic %s: %w", p.topic.name, err)
		case <-tick.C:
		}
	}
	return p.topic.client.Flush(ctx)
}

// consume notes when a bare consumer has each probe.
func (p *probes) consume(ctx context.Context, from map[int32]kgo.Offset) error {
	left := len(p.all)
	return p.topic.consume(ctx, from, func(r *kgo.Record) bool {
		if r.Key != nil {
			p.all[binary.BigEndian.Uint64(r.Key)].consumed.Store(p.now())
			left--
		}
		return left > 0
	})
}

// look asks for the probes that the broker has, again and again, until all were seen.
func (p *probes) look(ctx context.Context) error {
	client := larderv1.NewServingServiceClient(p.client.Conn())
	what := &larderv1.GetFeaturesRequest_Features{Features: &larderv1.FeatureList{References: []string{sentView + ":n_10m"}}}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for first := 0; first < len(p.all); {
		var wanted []int
		var keys []int64
		for i := first; i < len(p.all) && len(wanted) < maxLooked; i++ {
			if p.all[i].acknowledged.Load() != 0 && p.all[i].seen.Load() == 0 {
				wanted, keys = append(wanted, i), append(keys, probeKey(i))
			}
		}
		if len(wanted) > 0 {
			answer, err := client.GetFeatures(ctx, &larderv1.GetFeaturesRequest{
				What: what, Entities: []*larderv1.Column{{Name: joinKey, Values: &larderv1.Column_Int64S{Int64S: &larderv1.Int64S{Values: keys}}}},
			})
			if err != nil {
				return err
			}
			now := p.now()
			for k, status := range answer.GetFeatures()[0].GetStatuses() {
				if status == larderv1.Status_STATUS_PRESENT {
					p.all[wanted[k]].seen.Store(now)
				}
			}
		}
		for first < len(p.all) && p.all[first].seen.Load() != 0 {
			first++
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
