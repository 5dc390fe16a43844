package scoring

import (
	"context"
	"errors"

	"larder/internal/background"
	"larder/schema"
)

// UseONNXRuntime makes a model that walks its trees use a session instead.
func UseONNXRuntime(m *Model, s *Set, plan *schema.Plan, file []byte) error {
	_, sig, err := s.newModel(plan, file)
	if err != nil {
		return err
	}
	m.trees, m.Trees = nil, false
	if m.session != nil {
		return nil
	}
	for class, stack := range m.idle { // they have no tensors
		for _, r := range stack {
			r.destroy()
		}
		m.idle[class] = nil
	}
	m.idleBytes = 0
	return s.open(context.Background(), m, plan, sig, file)
}

// ShareRuns makes requests share runs, whether they gain by it or not.
func (m *Model) ShareRuns(b *schema.Batching) {
	m.batcher = newBatcher(m, b, background.Cores())
}

// ShareOneRun makes requests wait for each other, so that those of one batch are known.
func (m *Model) ShareOneRun(b *schema.Batching) { m.batcher = newBatcher(m, b, 1) }

// Held returns how many requests wait for a run.
func (m *Model) Held() int {
	m.batcher.mu.Lock()
	defer m.batcher.mu.Unlock()
	return len(m.batcher.queue)
}

// Running returns how many runs go on.
func (m *Model) Running() int {
	m.batcher.mu.Lock()
	defer m.batcher.mu.Unlock()
	return m.batcher.running
}

// Break makes a batch that the run is in panic, until mend is called.
func (r *Run) Break() (mend func()) {
	r.inputs = append(r.inputs, buffer{})
	return func() { r.inputs = r.inputs[:len(r.inputs)-1] }
}

// WalkUntried makes a model walk its trees by what its file says, without a comparison
// with ONNX Runtime. It returns false if the file is not certain to be a sum of trees.
func (m *Model) WalkUntried(file []byte) bool {
	m.trees, _, _ = m.readTrees(file)
	return m.trees != nil
}

// RunHere loads a model that has a process of its own into this process.
func RunHere(m *Model, s *Set, plan *schema.Plan, file []byte) error {
	_, sig, err := s.newModel(plan, file)
	if err != nil {
		return err
	}
	m.host.close()
	m.host, m.all = nil, s.outputSession(m, sig, plan, file)
	return s.open(context.Background(), m, plan, sig, file)
}

// EndProcess ends the process of a model, as a crash would.
func (m *Model) EndProcess() {
	m.host.mu.Lock()
	defer m.host.mu.Unlock()
	m.host.process.Kill(errors.New("ended by a test"))
}

// LeaveRunning makes a model look as if a run went on for ever.
func LeaveRunning(m *Model) { m.inFlight.Add(1) }

// TryHere loads and tries a model in this process, where a bad model would end it.
func TryHere(s *Set, plan *schema.Plan, file []byte) (*Model, error) {
	m, sig, err := s.newModel(plan, file)
	if err != nil {
		return nil, err
	}
	m.holds.Store(1)
	return m, s.try(context.Background(), m, plan, sig, file)
}

// Unload unloads a model that TryHere loaded.
func Unload(m *Model) { m.release() }

// A FuzzRun is a run of fuzzing as docs/models.md shows it.
type FuzzRun struct {
	ID, Date, Runtime                   string
	Seeds, Models, Fewest, Rows, Deaths int
}

// ListRuns returns the runs by which operators came onto the list, and the one that each
// operator names.
func ListRuns() (runs []FuzzRun, named map[string]string) {
	for id, r := range fuzzRuns {
		runs = append(runs, FuzzRun{id, r.date, r.runtime, r.seeds, r.models, r.fewest, r.rows, r.deaths})
	}
	named = map[string]string{}
	for name, o := range listed {
		named[name] = o.run
	}
	return runs, named
}

// ChooseScore finds the score of a model whose outputs have the shapes that its file
// declares, with two columns where it declares none. It returns why there is none.
func ChooseScore(sig *Signature, declared *schema.ModelVersion) (*Score, string, error) {
	var outputs []Output
	for i, c := range candidates(sig) {
		o := Output{Name: c.Name, Type: answerTypes[c.Elem], Classes: sig.classes[c.Name].labels, At: i, adds: true}
		for _, d := range c.Dims[min(1, len(c.Dims)):] {
			if d.Size == AnySize {
				d.Size = 2
			}
			o.Shape = append(o.Shape, d.Size)
		}
		outputs = append(outputs, o)
	}
	return chooseScore(sig, outputs, declared)
}
