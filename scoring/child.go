package scoring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"larder/internal/background"
	"larder/scoring/worker"
)

// WorkerMain must come first in the main of a program that loads models: models are
// tried in processes that run the same program. It does nothing in any other process.
func WorkerMain() { worker.Main(serveModel) }

// What a worker process may take beyond its model's limits: ONNX Runtime's own memory,
// the stacks of threads, Go's memory, and the file in the forms that it has while it
// is read.
const (
	workerBytes  = 512 << 20
	trialCPU     = 2 * time.Minute
	workerCopies = 4
)

// serveModel is the life of a worker process: it loads one model, and runs it until
// its parent ends.
func serveModel(p *worker.Parent) error {
	message, files, err := p.Receive()
	if err != nil {
		return err
	}
	var o order
	if err := decode(message, &o); err != nil {
		return fmt.Errorf("read what to load: %w", err)
	}
	if len(files) != 1 {
		return fmt.Errorf("%d files came with the order, not the model's", len(files))
	}
	c, err := load(&o, files[0])
	v := verdict{}
	if err != nil {
		v.Refusal = newRefusal(err)
	} else {
		v.Facts = c.model.facts
	}
	if message, err = encode(v); err != nil {
		return fmt.Errorf("describe the model: %w", err)
	}
	if err := p.Send(message); err != nil || v.Refusal != nil {
		return err
	}
	if err := worker.LimitCPU(0); err != nil {
		return err
	}
	return p.Serve(c.open)
}

// A child is a model in its worker process.
type child struct {
	model   *Model
	tensors *InferModel
}

func load(o *order, shared *os.File) (*child, error) {
	file, err := worker.Map(shared)
	if err != nil {
		return nil, fmt.Errorf("map the model: %w", err)
	}
	rt, err := Open(Options{Library: o.Library})
	if err != nil {
		return nil, err
	}
	s := &Set{
		runtime: rt, opts: SetOptions{IntraOpThreads: o.Threads}.withDefaults(), metrics: newMetrics(nil),
		slots: make(chan struct{}, slotsPerCore*background.Cores()), journal: noJournal(),
	}
	plan := o.plan()
	m, sig, err := s.newModel(plan, file)
	if err != nil {
		return nil, err
	}
	missing := keepLocales(sig.locales)
	if !o.onDevice() { // drivers of devices open files and map much memory
		limits := worker.Limits{Memory: o.Model.RunMemory() + (weightFactor+workerCopies)*int64(len(file)) + workerBytes}
		if o.Tried == nil {
			limits.CPU = trialCPU
		}
		if err := worker.Confine(limits); err != nil {
			return nil, err
		}
	}
	m.holds.Store(1)
	if o.Tried != nil {
		m.facts = *o.Tried
	}
	m.all = s.outputSession(m, sig, plan, file)
	switch {
	case o.Tried == nil:
		err = s.try(context.Background(), m, plan, sig, file)
	case o.Scores:
		err = s.open(context.Background(), m, plan, sig, file)
	}
	if err != nil {
		return nil, localeError(err, missing)
	}
	if o.Tried == nil && !m.facts.together() { // the trial made it, and perhaps no request needs it
		m.all.close()
		m.all = s.outputSession(m, sig, plan, file)
	}
	tensors := newInferModel(m, sig)
	tensors.session = s.inferSession(m, sig, plan, file)
	return &child{model: m, tensors: tensors}, nil
}

// open answers the calls of one channel.
func (c *child) open(hello, memory []byte) (worker.Handler, func(), error) {
	switch {
	case len(hello) == 2 && hello[0] == helloScore:
		r := &Run{model: c.model, class: int(hello[1])}
		if need := r.measure(); need > len(memory) {
			return nil, nil, fmt.Errorf("%d bytes of shared memory for a run that takes %d", len(memory), need)
		}
		r.place(blockOver(memory))
		if err := r.addOptions(); err != nil {
			return nil, nil, err
		}
		return r.answer, r.destroy, nil
	case len(hello) == 1 && hello[0] == helloInfer:
		return c.tensors.answer, func() {}, nil
	}
	return nil, nil, errors.New("a channel for nothing known")
}

// answer scores the rows that the parent has written into the run's memory.
func (r *Run) answer(ctx context.Context, c worker.Call) worker.Answer {
	ctx, cancel := limit(ctx, c)
	defer cancel()
	rows := c.Arg &^ outputsWanted
	if rows < 1 || rows > uint64(r.capacity()) {
		return refuse(fmt.Errorf("a run of %d rows in the memory of %d", rows, r.capacity()))
	}
	err := r.reset(int(rows))
	if err == nil && c.Arg != rows {
		return r.answerOutputs(ctx, c.Payload)
	}
	if err == nil {
		err = r.unpackStrings(c.Payload)
	}
	if err == nil {
		err = r.scoreAlone(ctx)
	}
	if err != nil {
		return refuse(err)
	}
	return worker.Answer{}
}

// limit returns a context that ends when the caller's does.
func limit(ctx context.Context, c worker.Call) (context.Context, context.CancelFunc) {
	if c.Limit <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.Limit)
}

func refuse(err error) worker.Answer {
	body, encodeErr := encode(newRefusal(err))
	if encodeErr != nil {
		panic(encodeErr) // a struct of plain fields
	}
	return worker.Answer{Code: answerRefused, Body: body}
}
