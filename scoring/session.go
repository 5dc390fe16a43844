package scoring

import (
	"errors"
	"fmt"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"larder/schema"
)

// A session is made of these.
type sessionSpec struct {
	file    []byte
	inputs  []string
	outputs []string
	threads int
	memory  int64 // what its runs may take together, besides the weights
	nested  bool  // the model has graphs inside of nodes

	// optimize lets ONNX Runtime rewrite the graph, which computes what depends on
	// constants only.
	optimize bool
}

// weightFactor is how many times its file a model's weights may take: ONNX Runtime
// copies them, packs them for its kernels, and rewrites float16 as float32.
const weightFactor = 8

// newSession makes a session that a provider runs, or else the cpu.
//
// Its memory is an arena of its own, which ends a run that asks for more: ONNX
// Runtime takes an arena with a bound only from what its environment holds at the
// moment, and the session goes on with it when the environment has let go.
func (r *Runtime) newSession(spec sessionSpec, p schema.Provider) (*ort.DynamicAdvancedSession, error) {
	opts, err := ort.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("make session options: %w", err)
	}
	defer func() { _ = opts.Destroy() }() // it has no way to fail
	if err := spec.set(opts); err != nil {
		return nil, fmt.Errorf("set session options: %w", err)
	}
	if err := appendProvider(opts, p); err != nil {
		return nil, &providerError{err}
	}
	r.making.Lock()
	defer r.making.Unlock()
	info, err := ort.GetMemoryInfo()
	if err != nil {
		return nil, fmt.Errorf("describe the memory of the cpu: %w", err)
	}
	const growAsAsked, byDefault = 1, -1
	arena, err := ort.NewArenaCfg(int(spec.memory)+weightFactor*len(spec.file), growAsAsked, byDefault, byDefault)
	if err != nil {
		return nil, fmt.Errorf("configure an arena: %w", err)
	}
	defer arena.Destroy()
	if err := ort.CreateAndRegisterAllocator(info, arena); err != nil {
		return nil, fmt.Errorf("make an arena: %w", err)
	}
	session, err := ort.NewDynamicAdvancedSessionWithONNXData(spec.file, spec.inputs, spec.outputs, opts)
	if err := ort.UnregisterAllocator(info); err != nil {
		return nil, fmt.Errorf("let go of an arena: %w", err)
	}
	if err != nil {
		return nil, bad("ONNX Runtime refuses the model: %s", clipError(err))
	}
	return session, nil
}

func (spec *sessionSpec) set(opts *ort.SessionOptions) error {
	err := errors.Join(
		opts.SetIntraOpNumThreads(spec.threads),
		opts.SetInterOpNumThreads(1),
		opts.SetExecutionMode(ort.ExecutionModeSequential),
		// The plan of memory is kept for each shape of input, without bound.
		opts.SetMemPattern(false),
		opts.AddSessionConfigEntry("session.use_env_allocators", "1"),
	)
	if !spec.optimize {
		err = errors.Join(err, opts.SetGraphOptimizationLevel(ort.GraphOptimizationLevelDisableAll))
	}
	if spec.nested {
		// A trial doesn't show how long the constants of a branch take that it
		// doesn't go into.
		err = errors.Join(err, opts.AddSessionConfigEntry("optimization.disable_specified_optimizers", "ConstantFolding"))
	}
	return err
}

// A providerError says that a provider is not there.
type providerError struct{ error }

// appendProvider makes a session one of a provider.
func appendProvider(opts *ort.SessionOptions, p schema.Provider) error {
	switch p.Name {
	case "cuda":
		return appendCUDA(opts, p.Options)
	case "tensorrt":
		return appendTensorRT(opts, p.Options)
	case "openvino":
		return opts.AppendExecutionProviderOpenVINO(p.Options)
	case "coreml":
		return opts.AppendExecutionProviderCoreMLV2(p.Options)
	case "xnnpack":
		return opts.AppendExecutionProvider("XNNPACK", p.Options)
	}
	return nil // cpu, which every session has
}

func appendCUDA(opts *ort.SessionOptions, options map[string]string) error {
	cuda, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer func() { _ = cuda.Destroy() }() // it has no way to fail
	if err := cuda.Update(options); err != nil {
		return err
	}
	return opts.AppendExecutionProviderCUDA(cuda)
}

func appendTensorRT(opts *ort.SessionOptions, options map[string]string) error {
	tensorRT, err := ort.NewTensorRTProviderOptions()
	if err != nil {
		return err
	}
	defer func() { _ = tensorRT.Destroy() }() // it has no way to fail
	if err := tensorRT.Update(options); err != nil {
		return err
	}
	return opts.AppendExecutionProviderTensorRT(tensorRT)
}

// A Skipped is a provider that was asked for and doesn't run a model, and why.
type Skipped struct {
	Provider string
	Reason   string
}

func (s Skipped) String() string { return s.Provider + ": " + s.Reason }

// noProvider says that none of the providers of a model runs it.
func noProvider(skipped []Skipped) error {
	all := make([]string, len(skipped))
	for i, s := range skipped {
		all[i] = s.String()
	}
	return schema.Errorf(schema.FailedPrecondition, "NO_PROVIDER", "no provider that is listed runs the model; give ONNX Runtime's library for the device "+
		"with --onnxruntime, or end the list with {name: cpu}. %s", strings.Join(all, "; "))
}
