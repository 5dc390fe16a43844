package scoring

import (
	"errors"
	"fmt"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"larder/schema"
)

// A sessionSpec describes the session to make.
type sessionSpec struct {
	file    []byte
	inputs  []string
	outputs []string
	threads int
	memory  int64 // the limit for all its runs together, without the weights
	nested  bool  // the model has graphs inside of nodes

	// optimize lets ONNX Runtime rewrite the graph, which precomputes what depends only on
	// constants.
	optimize bool
}

// weightFactor bounds the memory of a model's weights as a multiple of its file: ONNX
// Runtime copies them, packs them for its kernels, and rewrites float16 as float32.
const weightFactor = 8

// newSession makes a session that a provider runs, or else the cpu.
//
// The session has its own arena, which fails a run that asks for more than its bound.
// ONNX Runtime takes a bounded arena only from its environment, at the moment that the
// session is made. The session keeps the arena after the environment has released it.
func (r *Runtime) newSession(spec sessionSpec, p schema.Provider) (*ort.DynamicAdvancedSession, error) {
	opts, err := ort.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("make session options: %w", err)
	}
	defer func() { _ = opts.Destroy() }() // it can't fail
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
		return nil, fmt.Errorf("release an arena: %w", err)
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
		// A trial doesn't show how long the constants of a branch take if the trial doesn't
		// enter that branch.
		err = errors.Join(err, opts.AddSessionConfigEntry("optimization.disable_specified_optimizers", "ConstantFolding"))
	}
	return err
}

// A providerError says that a provider is not available.
type providerError struct{ error }

// appendProvider adds a provider to the options of a session.
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
	defer func() { _ = cuda.Destroy() }() // it can't fail
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
	defer func() { _ = tensorRT.Destroy() }() // it can't fail
	if err := tensorRT.Update(options); err != nil {
		return err
	}
	return opts.AppendExecutionProviderTensorRT(tensorRT)
}

// A Skipped is a listed provider that doesn't run a model, and why.
type Skipped struct {
	Provider string
	Reason   string
}

func (s Skipped) String() string { return s.Provider + ": " + s.Reason }

// noProvider returns the error that none of the listed providers can run the model.
func noProvider(skipped []Skipped) error {
	all := make([]string, len(skipped))
	for i, s := range skipped {
		all[i] = s.String()
	}
	return schema.NoProvider.Errorf("none of the listed providers can run the model; give ONNX Runtime's library for the device "+
		"with --onnxruntime, or end the list with {name: cpu}. %s", strings.Join(all, "; "))
}
