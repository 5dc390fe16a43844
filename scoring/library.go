package scoring

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"larder/schema"
)

// libraryName is what the operating system calls the library.
func libraryName() string {
	switch runtime.GOOS {
	case "windows":
		return "onnxruntime.dll"
	case "darwin":
		return "libonnxruntime.dylib"
	}
	return "libonnxruntime.so"
}

// remedy ends every error about the library.
const remedy = "run `make setup` in a checkout of Larder, or download ONNX Runtime and give its library's path with --onnxruntime or LARDER_ONNXRUNTIME"

// findLibrary returns the path of the library. It takes the first of these: the
// requested file or folder; the library beside the binary; the library that `make
// setup` put into the checkout around the working folder; the bare name, for the
// system's loader to find. searched lists where it looked.
func findLibrary(asked string) (path string, searched []string, err error) {
	name := libraryName()
	if asked != "" {
		info, err := os.Stat(asked)
		if err != nil {
			return "", nil, noLibrary(err, "no ONNX Runtime library at %s; %s", asked, remedy)
		}
		if !info.IsDir() {
			return asked, nil, nil
		}
		if path := filepath.Join(asked, name); isFile(path) {
			return path, nil, nil
		}
		return "", nil, noLibrary(nil, "the folder %s has no %s; %s", asked, name, remedy)
	}
	var folders []string
	if binary, err := os.Executable(); err == nil {
		folders = append(folders, filepath.Dir(binary))
	}
	if checkout := findCheckout(); checkout != "" {
		folders = append(folders, filepath.Join(checkout, ".larder", "onnxruntime"))
	}
	for _, folder := range folders {
		if path := filepath.Join(folder, name); isFile(path) {
			return path, nil, nil
		}
	}
	return name, append(folders, "the system's library folders"), nil
}

// findCheckout returns the folder of the Go module that the working folder is in,
// or "".
func findCheckout() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		if isFile(filepath.Join(dir, "go.mod")) {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

func noLibrary(cause error, format string, args ...any) *schema.Error {
	return schema.NoONNXRuntime.Wrap(cause, format, args...)
}

// loadError explains why a library that was found could not be loaded.
func loadError(path string, searched []string, cause error) error {
	text := cause.Error()
	switch {
	case len(searched) > 0:
		return noLibrary(cause, "no ONNX Runtime library: looked for %s in %s; %s", path, strings.Join(searched, ", "), remedy)
	case strings.Contains(text, "Error setting ORT API base"):
		return noLibrary(cause, "the ONNX Runtime library %s is too old: version %s or newer is needed; %s", path, oldestLibrary, remedy)
	}
	return noLibrary(cause, "%s is not an ONNX Runtime library for %s/%s; %s", path, runtime.GOOS, runtime.GOARCH, remedy)
}

// oldestLibrary has the version of the C interface that the binding was built for.
const oldestLibrary = "1.24"
