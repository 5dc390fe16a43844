package materialize

import "context"

// A watcher holds the updates that one reader has not received yet: only the newest
// state of each run, in the order that runs first changed. It is guarded by Runner.mu.
type watcher struct {
	order   []string
	pending map[string]Run
	ready   chan struct{} // holds one token when there is something
}

// Watch returns a channel of runs whose state or progress changes. A slow reader gets
// only the newest state of each run, and blocks no one. The channel is closed when ctx
// ends.
func (r *Runner) Watch(ctx context.Context) <-chan Run {
	w := &watcher{pending: map[string]Run{}, ready: make(chan struct{}, 1)}
	r.mu.Lock()
	r.watchers[w] = struct{}{}
	r.mu.Unlock()
	out := make(chan Run)
	go func() {
		defer close(out)
		defer func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			delete(r.watchers, w)
		}()
		for {
			select {
			case <-ctx.Done():
				return
			case <-w.ready:
			}
			for {
				run, more := r.next(w)
				if !more {
					break
				}
				select {
				case out <- run:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out
}

func (r *Runner) next(w *watcher) (Run, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(w.order) == 0 {
		return Run{}, false
	}
	id := w.order[0]
	w.order = w.order[1:]
	run := w.pending[id]
	delete(w.pending, id)
	return run, true
}

// publish sends the state of a run to all watchers. The caller holds mu.
func (r *Runner) publish(t *task) {
	for w := range r.watchers {
		if _, waits := w.pending[t.run.ID]; !waits {
			w.order = append(w.order, t.run.ID)
		}
		w.pending[t.run.ID] = t.run.clone()
		select {
		case w.ready <- struct{}{}:
		default:
		}
	}
}
