package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"larder/internal/background"
	"larder/schema"
	"larder/store/eventlog"
	"larder/stream/codec"
	"larder/stream/source"
)

// A Source gives the messages of a stream. stream/kafka, stream/rabbitmq, stream/nats and
// stream/cdc have one each.
type Source interface {
	// Fetch waits for messages, until ctx ends. The error is *source.Lost or
	// *source.Stopped if a person has to do something; any other may go away.
	Fetch(ctx context.Context) (source.Batch, error)
	// Acknowledge says that the messages of a batch are in the log.
	Acknowledge(ctx context.Context, b source.Batch) error
	// Lag returns how far the log is behind the source.
	Lag(ctx context.Context) ([]source.Lag, error)
	Close() error
}

// leaseTime is how long a lease lasts by default. A process that dies is followed by
// another one within that time and a third of it.
const leaseTime = 3 * time.Second

// The bounds on one batch of the log, and on what waits to be one.
const (
	maxBatchEvents = 5_000
	maxBatchBytes  = 8 << 20
	maxWaiting     = 64 << 20
)

// endTime bounds what is done when a lease ends; lagEvery is how often a source is asked
// how far the log is behind.
const (
	endTime  = 2 * time.Second
	lagEvery = 2 * time.Second
)

// renewEvery returns how often a lease is renewed.
func (r *Runner) renewEvery() time.Duration { return r.Lease / 3 }

// badWindow is the number of messages over which the share of bad ones counts.
const badWindow = 1000

// A writer reads the source of one stream into its log, while this process holds the
// lease. Without a source it keeps the stamp of the log up to date, so that views of
// pushed events are not stale.
type writer struct {
	*Runner
	stream *schema.Stream
	log    *eventlog.Log
	feed   *feed
	logger *slog.Logger

	state atomic.Pointer[WriterState]
}

// A WriterState is what a writer is doing.
type WriterState struct {
	State string       `json:"state"` // reading, standby, retrying, failed, push
	Error string       `json:"error,omitempty"`
	Lag   []source.Lag `json:"lag,omitempty"`
	Since time.Time    `json:"since"`
}

// The states of a writer.
const (
	stateReading  = "reading"
	stateStandby  = "standby" // another server reads, or the stream is paused or has failed
	stateRetrying = "retrying"
	stateFailed   = "failed"
	statePush     = "push" // there is nothing to read
)

func (w *writer) set(state string, err error) {
	next := &WriterState{State: state, Since: time.Now()}
	if err != nil {
		next.Error = shown(err)
	}
	before := w.state.Load()
	if before != nil && before.State == next.State && before.Error == next.Error {
		return
	}
	w.state.Store(next)
	for _, s := range []string{stateReading, stateStandby, stateRetrying, stateFailed, statePush} {
		on := 0.0
		if s == state {
			on = 1
		}
		w.metrics.state.WithLabelValues(w.stream.Name, s).Set(on)
	}
	if err != nil {
		w.logger.Warn("a stream can't be read now", "stream", w.stream.Name, "state", state, "error", err)
	} else {
		w.logger.Info("stream", "stream", w.stream.Name, "state", state)
	}
}

// run reads until ctx ends.
func (w *writer) run(ctx context.Context) {
	for wait := retryFirst; ctx.Err() == nil; {
		began := time.Now()
		err := background.Try(func() error { return w.hold(ctx) })
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > retryLast {
			wait = retryFirst
		}
		pause := w.renewEvery()
		if err != nil && !errors.Is(err, eventlog.ErrFenced) {
			w.set(stateRetrying, err)
			pause, wait = wait, min(2*wait, retryLast)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// hold takes the lease, if it is free, and reads while it lasts.
func (w *writer) hold(ctx context.Context) error {
	lease, err := w.log.Acquire(ctx, w.holder, w.Lease)
	if err != nil {
		return err
	}
	if lease == nil {
		w.set(stateStandby, nil)
		return nil
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
		defer cancel()
		_ = w.log.Release(end, lease.Epoch) // it ends by itself too
	}()
	if err := w.log.Upkeep(ctx); err != nil {
		return err
	}
	r := &reading{writer: w, lease: lease, queue: make(chan *prepared), idle: make(chan struct{}, 1), waiting: semaphore.NewWeighted(maxWaiting)}
	g, reads := errgroup.WithContext(ctx)
	g.Go(func() error { return background.Try(func() error { return r.renew(reads) }) })
	if w.stream.HasSource() {
		g.Go(func() error { return background.Try(func() error { return r.read(reads) }) })
	} else {
		w.set(statePush, nil)
	}
	err = g.Wait()
	return w.settle(ctx, lease, err)
}

// settle records an error that a person has to mend.
func (w *writer) settle(ctx context.Context, lease *eventlog.Lease, err error) error {
	var lost *source.Lost
	var stopped *source.Stopped
	why := ""
	switch {
	case errors.As(err, &lost):
		why = fmt.Sprintf("the source has lost messages that were not read: %v; go on without them with larder stream seek %s, or set on_data_loss: continue", lost, w.stream.Name)
	case errors.As(err, &stopped):
		why = stopped.Why
	default:
		return err
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	if err := w.log.Fail(end, lease.Epoch, why); err != nil {
		return err
	}
	w.set(stateFailed, errors.New(why))
	return nil
}

// A reading is what a writer does under one lease.
type reading struct {
	*writer
	lease   *eventlog.Lease
	src     Source
	queue   chan *prepared
	idle    chan struct{}       // has a token while the log waits for a batch
	waiting *semaphore.Weighted // bytes of messages between the source and the log

	uncommitted atomic.Int64 // batches that were fetched and are not in the log
	lag         atomic.Pointer[[]source.Lag]
}

// A prepared is some messages as they go to the log.
type prepared struct {
	addition *eventlog.Addition
	batches  []source.Batch // to be acknowledged
	messages int
	bytes    int64 // of reading.waiting
	newest   int64 // when the source took the newest message; 0 when unknown
}

// renew keeps the lease.
func (r *reading) renew(ctx context.Context) error {
	tick := time.NewTicker(r.renewEvery())
	defer tick.Stop()
	upkeep := time.Now()
	for deadline := time.Now().Add(r.Lease); ; {
		var state []byte
		if now := r.state.Load(); now != nil {
			told := *now
			if lag := r.lag.Load(); lag != nil {
				told.Lag = *lag
			}
			state, _ = json.Marshal(told) // it has only texts and numbers
		}
		one, cancel := context.WithDeadline(ctx, deadline)
		err := r.log.Renew(one, r.lease.Epoch, r.Lease, r.uncommitted.Load() == 0, state)
		cancel()
		switch {
		case err == nil:
			deadline = time.Now().Add(r.Lease)
			r.feed.poke()
		case errors.Is(err, eventlog.ErrFenced) || time.Now().After(deadline):
			return err
		}
		if time.Since(upkeep) > time.Hour {
			if err := r.log.Upkeep(ctx); err != nil {
				r.logger.Warn("upkeep of a stream's log", "stream", r.stream.Name, "error", err)
			}
			upkeep = time.Now()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// read reads the source.
func (r *reading) read(ctx context.Context) error {
	intake, err := newIntake(r.stream, r.Catalog().StreamViews(r.stream.Name), r.codecOptions())
	if err != nil {
		return &source.Stopped{Why: err.Error()}
	}
	if r.src, err = r.Open(ctx, r.stream, r.lease.Positions); err != nil {
		return err
	}
	defer r.src.Close() //nolint:errcheck // it is given up
	r.set(stateReading, nil)
	g, ctx := errgroup.WithContext(ctx)
	var ended error // of fetch; known once the queue is closed
	g.Go(func() error {
		defer close(r.queue)
		ended = background.Try(func() error { return r.fetch(ctx, intake) })
		return nil
	})
	g.Go(func() error {
		if err := background.Try(func() error { return r.commit(ctx) }); err != nil {
			return err
		}
		return ended // after what came before it is in the log
	})
	g.Go(func() error { return background.Try(func() error { return r.watchLag(ctx) }) })
	return g.Wait()
}

// fetch turns the messages of the source into events, until something fails.
func (r *reading) fetch(ctx context.Context, intake *intake) error {
	bad := &badShare{limit: r.stream.BadShare()}
	for {
		batch, err := r.src.Fetch(ctx)
		if err != nil {
			return err
		}
		r.uncommitted.Add(1)
		p := r.newPrepared()
		if err := r.prepare(ctx, intake, bad, p, batch); err != nil {
			return err
		}
		if err := r.linger(ctx, intake, bad, p); err != nil {
			return err
		}
		select {
		case r.queue <- p:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *reading) newPrepared() *prepared {
	return &prepared{addition: &eventlog.Addition{Events: eventlog.NewEvents(r.stream, 256), Epoch: r.lease.Epoch}}
}

// linger takes more messages: for a short time, and then for as long as the log is busy,
// so that batches grow with what a commit takes and don't queue. An error of the source is
// left to the next Fetch, which returns it again.
func (r *reading) linger(ctx context.Context, intake *intake, bad *badShare, p *prepared) error {
	wait, cancel := context.WithCancel(ctx)
	full := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		defer cancel()
		timer := time.NewTimer(r.stream.LingerTime())
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-full:
			return
		}
		select {
		case <-r.idle:
		case <-full:
		}
	})
	defer waiting.Wait()
	defer close(full)
	for p.messages < maxBatchEvents && p.bytes < maxBatchBytes {
		batch, err := r.src.Fetch(wait)
		if err != nil {
			return ctx.Err()
		}
		if err := r.prepare(ctx, intake, bad, p, batch); err != nil {
			return err
		}
	}
	return nil
}

// fieldBytes is about what a value of a field takes besides its text.
const fieldBytes = 16

// reserve waits until a batch may be decoded. What a prepared holds itself never keeps it
// waiting for ever: it is sent on as soon as it has maxBatchBytes.
func (r *reading) reserve(ctx context.Context, p *prepared, batch *source.Batch) error {
	bytes := int64(batch.Bytes()) + int64(len(batch.Messages)*len(r.stream.Fields)*fieldBytes)
	bytes = min(bytes, maxWaiting-p.bytes)
	if err := r.waiting.Acquire(ctx, bytes); err != nil {
		return err
	}
	p.bytes += bytes
	return nil
}

// prepare adds the events of a batch.
func (r *reading) prepare(ctx context.Context, intake *intake, bad *badShare, p *prepared, batch source.Batch) error {
	if err := r.reserve(ctx, p, &batch); err != nil {
		return err
	}
	for i := range batch.Messages {
		m := &batch.Messages[i]
		p.newest = max(p.newest, m.Time)
		if m.Value == nil && !m.Deleted {
			bad.count(false)
			continue // a tombstone of a compacted topic has no event
		}
		err := r.takeOne(ctx, intake, m, p)
		if why := asBad(err); why != nil {
			if bad.count(true); bad.exceeded() {
				return &source.Stopped{Why: fmt.Sprintf("more than %g of the last %d messages are bad, and nothing of them was committed; the last: %s: %s. Mend the producer or the definitions, and run larder stream resume %s", bad.limit, badWindow, why.Reason, why.Text, r.stream.Name)}
			}
			p.addition.Dead = append(p.addition.Dead, eventlog.NewDeadLetter(string(why.Reason), why.Text, m.Part, m.Offset, m.Value))
			r.metrics.dead.WithLabelValues(r.stream.Name, string(why.Reason)).Inc()
			continue
		}
		if err != nil {
			return err
		}
		bad.count(false)
	}
	p.messages += len(batch.Messages)
	p.addition.Positions = mergePositions(p.addition.Positions, batch.Positions)
	p.batches = append(p.batches, batch)
	return nil
}

// takeOne decodes a message. While its schema can't be had it is tried again.
func (r *reading) takeOne(ctx context.Context, intake *intake, m *source.Message, p *prepared) error {
	for wait := retryFirst; ; wait = min(2*wait, retryLast) {
		err := intake.take(ctx, m, p.addition.Events)
		if err == nil || asBad(err) != nil || ctx.Err() != nil {
			if err == nil || asBad(err) != nil {
				r.set(stateReading, nil)
			}
			return err
		}
		r.set(stateRetrying, err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

func mergePositions(all, more []source.Position) []source.Position {
next:
	for _, p := range more {
		for i := range all {
			if all[i].Part == p.Part {
				all[i] = p
				continue next
			}
		}
		all = append(all, p)
	}
	return all
}

// commit appends to the log what fetch has prepared.
func (r *reading) commit(ctx context.Context) error {
	for {
		select {
		case r.idle <- struct{}{}:
		default:
		}
		var p *prepared
		select {
		case p = <-r.queue:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-r.idle: // the batch was full before anyone asked
		default:
		}
		if p == nil {
			return nil
		}
		began := time.Now()
		added, err := r.log.Append(ctx, p.addition)
		if err != nil {
			return err
		}
		r.uncommitted.Add(-1)
		r.committed(r.stream.Name, &added, len(p.addition.Dead), time.Since(began))
		if p.newest > 0 {
			r.metrics.behind.WithLabelValues(r.stream.Name).Set(max(0, time.Since(time.UnixMicro(p.newest)).Seconds()))
		}
		r.feed.offer(added.Rows, added.Seq, added.At)
		for _, b := range p.batches {
			if err := r.src.Acknowledge(ctx, b); err != nil {
				return err
			}
		}
		r.waiting.Release(p.bytes)
	}
}

// watchLag keeps how far the log is behind.
func (r *reading) watchLag(ctx context.Context) error {
	tick := time.NewTicker(lagEvery)
	defer tick.Stop()
	for {
		one, cancel := context.WithTimeout(ctx, 5*time.Second)
		lag, err := r.src.Lag(one)
		cancel()
		if err == nil {
			r.lag.Store(&lag)
			var events, kept int64
			for _, l := range lag {
				events, kept = events+max(l.Events, 0), kept+l.Bytes
			}
			r.metrics.lag.WithLabelValues(r.stream.Name).Set(float64(events))
			r.metrics.kept.WithLabelValues(r.stream.Name).Set(float64(kept))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// registryTimeout bounds a request to a schema registry.
const registryTimeout = 5 * time.Second

func (r *Runner) codecOptions() codec.Options {
	return codec.Options{Secrets: r.Secrets, HTTP: r.Hosts.HTTP(registryTimeout)}
}
