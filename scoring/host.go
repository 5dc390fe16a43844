package scoring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"larder/internal/background"
	"larder/schema"
	"larder/scoring/worker"
)

// fetchFunc returns the file with a SHA-256.
type fetchFunc func(ctx context.Context, sha256 string) ([]byte, error)

// trialWall bounds a trial from outside: also a kernel that can't be interrupted.
const trialWall = 90 * time.Second

// A model that ends its process so often within such a time is not run any more.
const (
	maxDeaths   = 3
	deathPeriod = time.Hour
)

// A host runs a model in a worker process. When the process ends, it starts another,
// and it gives up after maxDeaths. Safe for concurrent use.
type host struct {
	set      *Set
	model    *Model
	key      string // of the model in the journal
	order    order
	fetch    fetchFunc
	suspects string // the operators that may be to blame, for messages

	mu       sync.Mutex
	process  *worker.Process // nil while there is none
	starting chan struct{}   // closed when a start that goes on has ended; nil when none does
	deaths   []time.Time     // the latest
	refused  *schema.Error   // after too many
	closed   bool
}

func (s *Set) newHost(m *Model, plan *schema.Plan, fetch fetchFunc) *host {
	h := &host{set: s, model: m, key: modelID(plan), order: newOrder(plan), fetch: fetch}
	h.order.Library, h.order.Threads = s.runtime.library, s.opts.IntraOpThreads
	s.hosts.Store(h, nil)
	return h
}

// try starts the process, tries the model in it and returns its facts.
func (h *host) try(ctx context.Context, file []byte) (facts, error) {
	p, v, err := h.start(ctx, file)
	if err != nil {
		return facts{}, h.explain(err)
	}
	h.order.Tried = &v
	h.keep(p)
	return v, nil
}

// start starts a process and has it load the model.
func (h *host) start(ctx context.Context, file []byte) (*worker.Process, facts, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, trialWall, errTrialTime)
	defer cancel()
	message, err := encode(h.order)
	if err != nil {
		return nil, facts{}, fmt.Errorf("describe the model to a worker process: %w", err)
	}
	shared, err := worker.Share(file)
	if err != nil {
		return nil, facts{}, fmt.Errorf("share the model with a worker process: %w", err)
	}
	defer func() { _ = shared.Close() }() // nothing was written that could be lost
	p, err := worker.Start(h.model.title)
	if err != nil {
		return nil, facts{}, err
	}
	stop := context.AfterFunc(ctx, func() { p.Kill(context.Cause(ctx)) })
	defer stop()
	var v verdict
	if err = p.Send(message, shared); err == nil {
		if message, err = p.Receive(); err == nil {
			err = decode(message, &v)
		}
	}
	if err == nil && v.Refusal != nil {
		err = v.Refusal.error()
	}
	if err != nil {
		p.Kill(nil)
		return nil, facts{}, err
	}
	return p, v.Facts, nil
}

var errTrialTime = fmt.Errorf("the trial took longer than %s", trialWall)

// explain makes a refusal of a death in a trial.
func (h *host) explain(err error) error {
	var d *worker.Death
	switch {
	case !errors.As(err, &d):
		return err
	case errors.Is(err, errTrialTime):
		return schema.ModelTime.Errorf("the trial of the model took longer than %s and was ended%s", trialWall, h.suspects)
	case d.Killed != nil:
		return fmt.Errorf("the trial of the model did not end in time: %w", d.Killed)
	case d.Memory:
		return schema.ModelMemory.Errorf("the model asked for more memory than its limit in its trial, and ended its process (%s)%s; "+
			"make it smaller, or raise limits: {memory: ...}", clip(d.Cause), h.suspects)
	}
	return schema.ModelCrashes.Errorf("the model ended the process that it was tried in (%s)%s; "+
		"export it again with another opset or another version of the exporter", clip(d.Cause), h.suspects)
}

// keep makes a process the current one, and starts another when it dies.
func (h *host) keep(p *worker.Process) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		p.Kill(nil)
		return
	}
	h.process = p
	go func() { h.died(p.Death(), p) }()
}

func (h *host) died(d *worker.Death, p *worker.Process) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.process != p {
		return
	}
	h.process = nil
	p.Kill(nil) // closes the socket
	h.set.metrics.deaths.WithLabelValues(h.model.name).Inc()
	h.deaths = slices.DeleteFunc(append(h.deaths, time.Now()), func(at time.Time) bool { return time.Since(at) > deathPeriod })
	h.set.opts.Logger.Error("the process of a model has ended", "model", h.model.title, "cause", d.Cause, "deaths", len(h.deaths))
	if len(h.deaths) >= maxDeaths {
		h.refuse(fmt.Sprintf("it ended its process %d times within an hour, the last time at %s (%s)",
			len(h.deaths), time.Now().UTC().Format(time.DateTime), clip(d.Cause)))
		return
	}
	h.restart()
}

// refuse gives up, also after a restart of the server. The caller holds the lock.
func (h *host) refuse(reason string) {
	h.quarantineLocked(reason)
	if err := h.set.journal.quarantine(h.key, reason, *h.order.Tried); err != nil {
		h.set.opts.Logger.Error("could not record that a model is quarantined; a restart would load it again", "model", h.model.title, "err", err)
	}
	h.set.opts.Logger.Error("a model is quarantined and not run any more", "model", h.model.title, "reason", reason)
}

// quarantine makes the host refuse every run.
func (h *host) quarantine(reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.quarantineLocked(reason)
}

func (h *host) quarantineLocked(reason string) {
	h.set.metrics.quarantined.WithLabelValues(h.model.name).Set(1)
	h.refused = schema.ModelQuarantined.Errorf("%s is quarantined: %s; serve another version, or run larder models release %s %d to try it again",
		h.model.title, reason, h.order.Model.Name, h.order.Version.Version)
}

func (h *host) quarantined() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refused == nil {
		return ""
	}
	return h.refused.Message
}

// restart starts a process in the background. The caller holds the lock.
func (h *host) restart() {
	if h.starting != nil {
		return
	}
	done := make(chan struct{})
	h.starting = done
	go func() {
		defer close(done)
		const first, most = 100 * time.Millisecond, time.Minute
		for pause := first; ; pause = min(2*pause, most) {
			err := background.Try(h.startAgain)
			h.mu.Lock()
			if err == nil || h.closed || h.refused != nil {
				h.starting = nil
				h.mu.Unlock()
				return
			}
			h.mu.Unlock()
			h.set.opts.Logger.Error("could not start the process of a model; trying again", "model", h.model.title, "err", err, "after", pause)
			time.Sleep(pause)
		}
	}()
}

func (h *host) startAgain() error {
	ctx, cancel := context.WithTimeout(context.Background(), trialWall)
	defer cancel()
	file, err := h.fetch(ctx, h.order.Version.SHA256)
	if err != nil {
		return fmt.Errorf("fetch the model file: %w", err)
	}
	p, _, err := h.start(ctx, file)
	if err != nil {
		return err
	}
	h.keep(p)
	return nil
}

// ready returns an error when the model can't be run now.
func (h *host) ready() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.readyLocked()
}

func (h *host) readyLocked() error {
	switch {
	case h.refused != nil:
		return h.refused
	case h.process == nil:
		return h.gone()
	}
	return nil
}

func (h *host) gone() *schema.Error {
	return schema.ModelProcess.Errorf("the process that runs %s has ended and is started again; try again", h.model.title)
}

// open returns a channel to the current process.
func (h *host) open(size int, hello []byte) (*worker.Channel, error) {
	h.mu.Lock()
	p, err := h.process, h.readyLocked()
	h.mu.Unlock()
	if err != nil {
		return nil, err
	}
	c, err := p.Open(size, hello)
	if err != nil {
		var d *worker.Death
		if errors.As(err, &d) {
			return nil, h.gone()
		}
		return nil, fmt.Errorf("%s: %w", h.model.title, err)
	}
	return c, nil
}

// await starts the process if it never ran, and waits for a start that goes on.
func (h *host) await(ctx context.Context) error {
	h.mu.Lock()
	if h.process == nil && h.refused == nil {
		h.restart()
	}
	starting := h.starting
	h.mu.Unlock()
	if starting != nil {
		select {
		case <-starting:
		case <-ctx.Done():
			return fmt.Errorf("wait for the process of %s: %w", h.model.title, ctx.Err())
		}
	}
	return h.ready()
}

// release ends a quarantine.
func (h *host) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refused == nil || h.closed {
		return
	}
	h.refused, h.deaths = nil, nil
	h.set.metrics.quarantined.WithLabelValues(h.model.name).Set(0)
	h.restart()
}

// close ends the process.
func (h *host) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.set.hosts.Delete(h)
	h.closed = true
	if h.process != nil {
		h.process.Kill(nil)
		h.process = nil
	}
}

func clip(text string) string { return clipError(errors.New(text)) }

// suspects names, for messages about a crash, what may be to blame.
func (s *Signature) suspects() string {
	const most = 10
	switch {
	case s.outside != "":
		return "; perhaps because " + s.outside
	case len(s.operators) > most:
		return fmt.Sprintf("; it uses %d operators, among them %s", len(s.operators), strings.Join(s.operators[:most], ", "))
	}
	return "; it uses the operators " + strings.Join(s.operators, ", ")
}
