package bench

import (
	"context"
	"math/rand/v2"
	"time"

	"larder/schema"
)

const (
	evenName = "even"
	hotName  = "hot"
	hotTurns = 40 // calls to each of the streams
	hotKeys  = 20_000
)

// hotKey measures events of which one key takes half, in turns with events of even keys.
func (s *streams) hotKey(ctx context.Context) error {
	s.opts.Progress("a key that takes half of all events")
	err := s.apply(ctx, definitionsOf([]schema.Stream{pushStream(evenName), pushStream(hotName)},
		fourByFive(evenName+"_view", evenName), fourByFive(hotName+"_view", hotName)))
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(3, 4))
	took := map[string]time.Duration{}
	next := 0
	for turn := range hotTurns {
		names := []string{evenName, hotName}
		if turn%2 == 1 {
			names[0], names[1] = names[1], names[0]
		}
		for _, name := range names {
			var body []byte
			now := time.Now()
			for i := range pushedAtOnce {
				key := 1 + random.Int64N(hotKeys)
				if name == hotName && i%2 == 0 {
					key = 0
				}
				body = event(body, next, key, float64(random.IntN(10_000))/100, now.Add(-time.Duration(random.Int64N(int64(time.Second)))))
				next++
			}
			began := time.Now()
			if err := s.push(ctx, name, body, true); err != nil {
				return err
			}
			took[name] += time.Since(began)
		}
	}
	rate := func(name string) float64 { return hotTurns * pushedAtOnce / took[name].Seconds() }
	s.add(Bar{
		Name: "pushed to answerable, one key takes half of all events", Figure: rate(hotName), Unit: eventRate,
		Baseline: rate(evenName), Against: "even keys, in turns", Bar: 1, AtLeast: true,
	}.compare())
	return nil
}
