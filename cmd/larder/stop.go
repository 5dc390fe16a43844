package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// How long a server that stops waits for its parts beside the time that requests have, and
// then for each thing that it closes. A server that ends without them loses nothing: what
// is not flushed is read again from the source.
const (
	partsGrace = 5 * time.Second
	closeGrace = 3 * time.Second
	storeGrace = 10 * time.Second // to write the rows in memory to the disk
)

// parts are the parts of a server that run until its context ends. It knows which of them
// still do.
type parts struct {
	ctx   context.Context
	group *errgroup.Group

	mu      sync.Mutex
	running map[string]bool
}

func newParts(ctx context.Context) *parts {
	group, ctx := errgroup.WithContext(ctx)
	return &parts{ctx: ctx, group: group, running: map[string]bool{}}
}

// run starts a part.
func (p *parts) run(name string, part func(context.Context) error) {
	p.mu.Lock()
	p.running[name] = true
	p.mu.Unlock()
	p.group.Go(func() error {
		defer func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			delete(p.running, name)
		}()
		return part(p.ctx)
	})
}

// A hungError says what did not end.
type hungError struct{ what []string }

func (h *hungError) Error() string {
	return fmt.Sprintf("%s did not stop in time; the server ends without closing its store, and no flushed rows are lost", strings.Join(h.what, ", "))
}

// wait returns when all parts have ended or, once the context has, after a time.
func (p *parts) wait(most time.Duration) error {
	ended := make(chan error, 1)
	go func() { ended <- p.group.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-p.ctx.Done():
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(most):
		p.mu.Lock()
		defer p.mu.Unlock()
		return &hungError{slices.Sorted(maps.Keys(p.running))}
	}
}

// A closing is something that is closed when a server ends.
type closing struct {
	name  string
	grace time.Duration
	close func() error
	needs string // what must have been closed before; empty: nothing
}

// closeAll closes one thing after the other. What does not end in time is left behind, and
// so is what needs it to be closed; only of the store is that an error.
func closeAll(log *slog.Logger, all []closing) error {
	var errs []error
	left := map[string]bool{}
	for _, c := range all {
		if left[c.needs] {
			left[c.name] = true
			continue
		}
		ended := make(chan error, 1)
		go func() { ended <- c.close() }()
		select {
		case err := <-ended:
			errs = append(errs, err)
		case <-time.After(c.grace):
			left[c.name] = true
			log.Error("a part of the server did not close in time and is left behind", "part", c.name, "after", c.grace)
		}
	}
	if left[storePart] {
		errs = append(errs, &hungError{[]string{storePart}})
	}
	return errors.Join(errs...)
}

const storePart = "the online store"

// close closes what was opened, from the top down. What does not end is left behind.
func (n *node) close() error {
	var all []closing
	add := func(name string, grace time.Duration, close func() error, needs string) {
		all = append(all, closing{name, grace, close, needs})
	}
	plain := func(close func()) func() error {
		return func() error {
			close()
			return nil
		}
	}
	const modelsPart = "models"
	if n.sources.Repository != nil {
		add("the model repository", closeGrace, n.sources.Repository.Close, "")
	}
	if n.serving != nil {
		add("serving", closeGrace, plain(n.serving.Close), "")
	}
	if n.models != nil {
		add(modelsPart, closeGrace, n.models.Close, "")
	}
	if n.tensors != nil {
		add("models over tensors", closeGrace, plain(n.tensors.Close), modelsPart)
	}
	if n.runtime != nil {
		add("ONNX Runtime", closeGrace, n.runtime.Close, modelsPart)
	}
	if n.online != nil {
		add(storePart, storeGrace, n.online.Close, "")
	}
	if n.trail != nil {
		add("the audit trail", closeGrace, n.trail.Close, "")
	}
	if n.keys != nil {
		add("the keys", closeGrace, plain(n.keys.Close), "")
	}
	if n.registry != nil {
		add("connections of the registry", closeGrace, plain(n.registry.Close), "")
	}
	if n.offline != nil {
		add("connections of sources", closeGrace, plain(n.offline.Close), "")
	}
	if n.logs != nil {
		add("connections of streams", closeGrace, plain(n.logs.Close), "")
	}
	if n.bulk != nil {
		add("connections of training sets", closeGrace, plain(n.bulk.Close), "")
	}
	return closeAll(n.log, append(all, n.clusterClosing()...))
}

func (n *node) clusterClosing() []closing {
	if n.cluster == nil {
		return nil
	}
	return []closing{{"the private Postgres", storeGrace, n.cluster.Stop, ""}}
}
