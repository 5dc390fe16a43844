package scoring

import (
	"fmt"
	"os"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"larder/schema"
)

// Options configure how to open ONNX Runtime.
type Options struct {
	// Library is the path of the shared library, or of the folder that holds it.
	// Defaults to the first found beside the binary, in .larder/onnxruntime of the
	// checkout around the working folder, and in the system's library folders.
	Library string
}

// A Runtime is ONNX Runtime, loaded. A process has only one at a time, because the
// binding keeps it in package variables.
type Runtime struct {
	library string
	making  sync.Mutex // of sessions, whose arenas pass through the environment
}

// noTelemetry is the variable that ONNX Runtime reads when it is loaded.
const noTelemetry = "ORT_DISABLE_TELEMETRY"

// Open loads ONNX Runtime. Errors are *schema.Error of kind FailedPrecondition and
// name the command that fixes them.
func Open(opts Options) (*Runtime, error) {
	if ort.IsInitialized() {
		return nil, schema.ONNXRuntimeOpen.Errorf("ONNX Runtime is already open in this process")
	}
	path, searched, err := findLibrary(opts.Library)
	if err != nil {
		return nil, err
	}
	// The official builds send telemetry as soon as they are loaded; DisableTelemetry,
	// below, would come too late.
	if err := os.Setenv(noTelemetry, "1"); err != nil {
		return nil, fmt.Errorf("disable the telemetry of ONNX Runtime in the environment: %w", err)
	}
	fewArenas()
	ort.SetSharedLibraryPath(path)
	// Errors are returned; the extra text that it prints is not needed.
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		return nil, loadError(path, searched, err)
	}
	if err := ort.DisableTelemetry(); err != nil {
		return nil, fmt.Errorf("disable the telemetry of ONNX Runtime: %w", err)
	}
	return &Runtime{library: path}, nil
}

// Version returns the version of the library, as in 1.30.0.
func (r *Runtime) Version() string { return ort.GetVersion() }

// Library returns the path that the library was loaded from; a bare name when the
// system's loader found it.
func (r *Runtime) Library() string { return r.library }

// Close unloads ONNX Runtime. Every Set must have been closed.
func (r *Runtime) Close() error {
	if err := ort.DestroyEnvironment(); err != nil {
		return fmt.Errorf("close ONNX Runtime: %w", err)
	}
	return nil
}
