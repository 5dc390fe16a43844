package scoring_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/internal/onnxmodel"
	"larder/internal/smalldisk"
	"larder/schema"
	"larder/scoring"
)

// isolateAll is the variable that makes the tests run every model in a process of its
// own.
const isolateAll = "LARDER_TEST_ISOLATION"

// TestProcessesScoreTheSame runs the tests of scores again, with every model in a
// process of its own.
func TestProcessesScoreTheSame(t *testing.T) {
	if os.Getenv(isolateAll) != "" {
		return // this is that run
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^Test(Score|Infer|Narrow|Quantized|Float16|Batch|Limits|Set|Output|Rows|Deadline)", "-test.v")
	cmd.Env = append(os.Environ(), isolateAll+"=process")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if passed := strings.Count(string(out), "--- PASS: Test"); passed < 20 {
		t.Errorf("only %d tests ran:\n%s", passed, out)
	}
}

// crashing returns a model that passes its trial and ends its process when it gets a
// feature over a million.
func crashing(t *testing.T) []byte {
	t.Helper()
	file, err := os.ReadFile("testdata/crashes/unique.onnx")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

const deadly = 2e6

func tryOne(t *testing.T, m *scoring.Model, x float32) (float64, error) {
	t.Helper()
	r, err := m.Acquire(1)
	if err != nil {
		return 0, err
	}
	defer r.Release()
	r.Dense()[0] = x
	err = r.Score(t.Context())
	return r.Scores()[0], err
}

// scoreSoon scores until the model's process has been started again.
func scoreSoon(t *testing.T, m *scoring.Model, x float32) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got, err := tryOne(t, m, x)
		switch {
		case err == nil && got == float64(x):
			return
		case err == nil:
			t.Fatalf("got score %v, want %v", got, x)
		case reason(err) != schema.ModelProcess || time.Now().After(end):
			t.Fatal(err)
		}
	}
}

func reason(err error) schema.Reason {
	var said *schema.Error
	if errors.As(err, &said) {
		return said.Reason
	}
	return ""
}

// TestADeadProcessIsStartedAgainTwice: the third death within an hour is the last, also
// for the next life of the server, until a person releases the model.
func TestADeadProcessIsStartedAgainTwice(t *testing.T) {
	folder, file := t.TempDir(), crashing(t)
	cat := catalog(t, numbers(1), file)
	p := plan(t, cat, 1)
	open := func() (*scoring.Set, *scoring.Model) {
		t.Helper()
		journal, err := scoring.OpenJournal(folder, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		set := scoring.NewSet(library, scoring.SetOptions{Journal: journal})
		return set, prepared(t, set, cat, filesOf(file)).Model(p)
	}
	_, m := open()
	if !strings.Contains(m.Isolation(), "graphs inside of nodes") {
		t.Fatalf("the model runs in a process because %q", m.Isolation())
	}
	die := func(m *scoring.Model) {
		t.Helper()
		scoreSoon(t, m, 3)
		if _, err := tryOne(t, m, deadly); reason(err) != schema.ModelProcess || !strings.Contains(err.Error(), "SIGABRT") {
			t.Fatalf("got %v, want the signal that ended the process", err)
		}
	}
	quarantined := func(m *scoring.Model) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); m.Quarantine() == ""; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the model is not quarantined")
			}
		}
		if _, err := tryOne(t, m, 1); reason(err) != schema.ModelQuarantined || !strings.Contains(err.Error(), "larder models release m 1") {
			t.Fatalf("got %v, want the quarantine and its remedy", err)
		}
	}
	for range 3 {
		die(m)
	}
	quarantined(m)

	again, m := open()
	quarantined(m)
	if err := again.ReleaseQuarantine(p); err != nil {
		t.Fatal(err)
	}
	scoreSoon(t, m, 5)
	if err := again.ReleaseQuarantine(p); reason(err) != schema.NotQuarantined {
		t.Errorf("a second release: got %v", err)
	}
	_, m = open()
	scoreSoon(t, m, 5)
}

// TestOthersGoOnWhileAProcessDies: a run of another model, and the same model in
// another set, have their scores throughout.
func TestOthersGoOnWhileAProcessDies(t *testing.T) {
	good := times(3)
	healthy := load(t, numbers(1), good)
	m := load(t, numbers(1), crashing(t))
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if got, err := tryOne(t, healthy, 2); err != nil || got != 6 {
					t.Errorf("got %v, %v; want 6", got, err)
					return
				}
			}
		})
	}
	for range 2 {
		scoreSoon(t, m, 3)
		_, _ = tryOne(t, m, deadly)
	}
	scoreSoon(t, m, 3)
	stop()
	wg.Wait()
}

func TestAStuckKernelIsKilled(t *testing.T) {
	file := onnxmodel.Endless()
	set, count := countedSet(t)
	cat := compileModel(t, numbers(1), schema.Model{Limits: &schema.ModelLimits{Time: schema.Duration(500 * time.Millisecond)}}, file)
	loaded := prepared(t, set, cat, filesOf(file)).Model(plan(t, cat, 1))
	scoreSoon(t, loaded, 2)
	began := time.Now()
	if _, err := tryOne(t, loaded, 5000); reason(err) != schema.ModelTime {
		t.Errorf("got %v, want the time limit", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("a kernel went on for %v after its limit of 500 ms", took)
	}
	scoreSoon(t, loaded, 2)
	if ended, deaths := count("larder_scoring_runs_ended_total", "time"), count("larder_scoring_process_deaths_total"); ended != 1 || deaths != 1 {
		t.Errorf("%v runs ended by time, %v deaths; want 1 and 1", ended, deaths)
	}
}

// TestStringsAreCounted: a model of 1 KB makes strings of many gigabytes.
func TestStringsAreCounted(t *testing.T) {
	long := strings.Repeat("x", 1000)
	node := func(op string, in []string, out string, attrs ...onnxmodel.Attr) onnxmodel.Node {
		return onnxmodel.Node{Op: op, In: in, Out: []string{out}, Attrs: attrs}
	}
	m := onnxmodel.Model{Graph: onnxmodel.Graph{
		Initializers: []onnxmodel.Tensor{
			{Name: "word", Elem: onnxmodel.String, Dims: []int64{1}, Strings: []string{long}},
			onnxmodel.Ints("many", []int64{1}, 10_000_000),
			onnxmodel.Floats("zero", nil, []float32{0}),
		},
		Nodes: []onnxmodel.Node{
			node("Expand", []string{"word", "many"}, "words"),
			node("Size", []string{"words"}, "count"),
			node("Cast", []string{"count"}, "number", onnxmodel.Attr{Name: "to", Value: int64(onnxmodel.Float)}),
			node("Mul", []string{"number", "zero"}, "nothing"),
			node("Add", []string{"x", "nothing"}, "y"),
		},
		Inputs:  []onnxmodel.Value{value("x", onnxmodel.Float, "N", int64(1))},
		Outputs: []onnxmodel.Value{value("y", onnxmodel.Float, "N", int64(1))},
	}}
	file := m.Encode()
	cat := compileModel(t, numbers(1), schema.Model{Limits: &schema.ModelLimits{Memory: 64 << 20}}, file)
	_, err := newSet(t).Prepare(t.Context(), cat, filesOf(file).fetch)
	if reason(err) != schema.ModelMemory && (reason(err) != schema.ModelFails || !strings.Contains(err.Error(), "memory")) {
		t.Errorf("got %v (%s), want the memory limit", err, reason(err))
	}
}

func TestCrashesInATrialAreRefusals(t *testing.T) {
	m := onnxmodel.Model{Graph: onnxmodel.Graph{ // ONNX Runtime reads past the end of its list of sizes
		Initializers: []onnxmodel.Tensor{onnxmodel.Floats("nothing", []int64{0, 7}, nil), onnxmodel.Floats("zero", nil, []float32{0})},
		Nodes: []onnxmodel.Node{
			{Op: "Split", Name: "parts", In: []string{"nothing"}, Out: []string{"a", "b", "c", "d"}, Attrs: []onnxmodel.Attr{{Name: "num_outputs", Value: int64(2)}}},
			{Op: "Size", In: []string{"a"}, Out: []string{"size"}},
			{Op: "Cast", In: []string{"size"}, Out: []string{"number"}, Attrs: []onnxmodel.Attr{{Name: "to", Value: int64(onnxmodel.Float)}}},
			{Op: "Mul", In: []string{"number", "zero"}, Out: []string{"none"}},
			{Op: "Add", In: []string{"x", "none"}, Out: []string{"y"}},
		},
		Inputs:  []onnxmodel.Value{value("x", onnxmodel.Float, "N", int64(1))},
		Outputs: []onnxmodel.Value{value("y", onnxmodel.Float, "N", int64(1))},
	}, Opset: 22}
	file := m.Encode()
	cat := catalog(t, numbers(1), file)
	_, err := newSet(t).Check(t.Context(), plan(t, cat, 1), file)
	if reason(err) != schema.ModelCrashes || !strings.Contains(err.Error(), "SIGABRT") || !strings.Contains(err.Error(), "Split") {
		t.Errorf("got %v, want a refusal with the signal and the operator", err)
	}
}

// crashFolder is the variable that makes the test binary crash with a model, and keep
// its journal in a folder.
const crashFolder = "LARDER_TEST_CRASH"

// crashNow loads a model into this process, scores it, and so ends the process.
func crashNow(folder string) int {
	t := &testing.T{}
	journal, err := scoring.OpenJournal(folder, slog.New(slog.DiscardHandler))
	if err != nil {
		return 100
	}
	set := scoring.NewSet(library, scoring.SetOptions{Journal: journal})
	file, err := os.ReadFile("testdata/crashes/unique.onnx")
	if err != nil {
		return 101
	}
	cat := catalog(t, numbers(1), file)
	p := plan(t, cat, 1)
	models, err := set.Prepare(context.Background(), cat, filesOf(file).fetch)
	if err != nil {
		return 102
	}
	m := models.Model(p)
	if err := scoring.RunHere(m, set, p, file); err != nil {
		return 103
	}
	r, err := m.Acquire(1)
	if err != nil {
		return 104
	}
	r.Dense()[0] = deadly
	return int(math.Abs(float64(len(r.Score(context.Background()).Error())))) // not reached
}

// TestAServerThatCrashedDoesNotLoadTheModelAgain: not into its own process.
func TestAServerThatCrashedDoesNotLoadTheModelAgain(t *testing.T) {
	folder := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashFolder+"="+folder)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(out), "SIGABRT") {
		t.Fatalf("the process did not crash: %v\n%s", err, out)
	}
	said := &strings.Builder{}
	journal, err := scoring.OpenJournal(folder, slog.New(slog.NewTextHandler(said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"the server crashed in its last life", "SIGABRT: abort", "a model was being scored during the crash"} {
		if !strings.Contains(said.String(), words) {
			t.Errorf("the log lacks %q:\n%s", words, said)
		}
	}
	file := crashing(t)
	cat := catalog(t, numbers(1), file)
	p := plan(t, cat, 1)
	set := scoring.NewSet(library, scoring.SetOptions{Journal: journal})
	m := prepared(t, set, cat, filesOf(file)).Model(p)
	if got := m.Isolation(); !strings.Contains(got, "it was being scored when the server crashed") {
		t.Errorf("the model runs in a process because %q", got)
	}
	if err := set.ReleaseQuarantine(p); err != nil {
		t.Errorf("release: %v", err)
	}
}

// TestAKilledServerSuspectsNobody: a kill says nothing about the models that were being
// scored.
func TestAKilledServerSuspectsNobody(t *testing.T) {
	folder, file := t.TempDir(), times(2)
	cat := catalog(t, numbers(1), file)
	p := plan(t, cat, 1)
	open := func() *scoring.Journal {
		t.Helper()
		journal, err := scoring.OpenJournal(folder, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return journal
	}
	journal := open()
	set := scoring.NewSet(library, scoring.SetOptions{Journal: journal})
	m := prepared(t, set, cat, filesOf(file)).Model(p)
	scoring.LeaveRunning(m)
	set = scoring.NewSet(library, scoring.SetOptions{Journal: open()})
	if got := prepared(t, set, cat, filesOf(file)).Model(p).Isolation(); got != "" {
		t.Errorf("the model runs in a process because %q", got)
	}
}

func TestADamagedJournalIsAnError(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(folder+"/quarantine.json", []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := scoring.OpenJournal(folder, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "quarantine.json") {
		t.Errorf("got %v, want an error that names the file", err)
	}
}

// TestWorkThatGrowsWithTheSquareOfTheRows: a model whose tensors are as wide as its rows
// are many is quick for few rows, and must not run in the server's process.
func TestWorkThatGrowsWithTheSquareOfTheRows(t *testing.T) {
	node := func(op string, in []string, out string, attrs ...onnxmodel.Attr) onnxmodel.Node {
		return onnxmodel.Node{Op: op, In: in, Out: []string{out}, Attrs: attrs}
	}
	m := onnxmodel.Model{Graph: onnxmodel.Graph{
		Initializers: []onnxmodel.Tensor{
			onnxmodel.Ints("first", []int64{1}, 0), onnxmodel.Ints("eight", []int64{1}, 8), onnxmodel.Floats("zero", nil, []float32{0}),
		},
		Nodes: []onnxmodel.Node{
			node("Shape", []string{"x"}, "shape"),
			node("Gather", []string{"shape", "first"}, "rows"),
			node("Mul", []string{"rows", "eight"}, "side"),
			node("Concat", []string{"side", "side"}, "sides", onnxmodel.Attr{Name: "axis", Value: int64(0)}),
			node("ConstantOfShape", []string{"sides"}, "square"),
			node("MatMul", []string{"square", "square"}, "product"),
			node("ReduceMax", []string{"product"}, "most", onnxmodel.Attr{Name: "keepdims", Value: int64(0)}),
			node("Mul", []string{"most", "zero"}, "nothing"),
			node("Add", []string{"x", "nothing"}, "y"),
		},
		Inputs:  []onnxmodel.Value{value("x", onnxmodel.Float, "N", int64(1))},
		Outputs: []onnxmodel.Value{value("y", onnxmodel.Float, "N", int64(1))},
	}}
	file := m.Encode()
	limits := &schema.ModelLimits{Time: schema.Duration(100 * time.Millisecond)}
	loaded := loadCatalog(t, compileModel(t, numbers(1), schema.Model{Limits: limits}, file), file)
	if got := loaded.Isolation(); !strings.Contains(got, "a run of 1024 rows") {
		t.Errorf("the model runs in a process because %q", got)
	}
	if got, err := tryOne(t, loaded, 3); err != nil || got != 3 {
		t.Errorf("got %v, %v; want 3", got, err)
	}
}

// TestAJournalOnAFullDisk: it can say nothing after a crash, but models are scored.
func TestAJournalOnAFullDisk(t *testing.T) {
	disk := smalldisk.New(t, 1<<20)
	disk.Fill()
	said := &strings.Builder{}
	journal, err := scoring.OpenJournal(disk.Dir, slog.New(slog.NewTextHandler(said, nil)))
	if err != nil || !strings.Contains(said.String(), "will not show which models were being scored") {
		t.Fatalf("got %v and the log:\n%s", err, said)
	}
	file := times(2)
	cat := catalog(t, numbers(1), file)
	set := scoring.NewSet(library, scoring.SetOptions{Journal: journal})
	if got, err := tryOne(t, prepared(t, set, cat, filesOf(file)).Model(plan(t, cat, 1)), 4); err != nil || got != 8 {
		t.Errorf("got %v, %v; want 8", got, err)
	}
}
