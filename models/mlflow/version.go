package mlflow

import (
	"context"
	"math"
	"net/url"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"larder/schema"
)

// A Version is one version of a registered model.
type Version struct {
	Model  string
	Number int64
	RunID  string            // the run that logged it; may be empty
	Tags   map[string]string // of the version
}

// Alias returns the version that an alias of a registered model names. A version that
// isn't READY is an error.
func (c *Client) Alias(ctx context.Context, model, alias string) (*Version, error) {
	var answer struct {
		Version struct {
			Version string `json:"version"`
			Status  string `json:"status"`
			Message string `json:"status_message"`
			RunID   string `json:"run_id"`
			Tags    []pair `json:"tags"`
		} `json:"model_version"`
	}
	if err := c.call(ctx, "registered-models/alias", url.Values{"name": {model}, "alias": {alias}}, &answer); err != nil {
		return nil, err
	}
	v := answer.Version
	number, err := strconv.ParseInt(v.Version, 10, 64)
	if err != nil || number <= 0 {
		return nil, schema.MLflowAnswer.Errorf("MLflow returned the version %q of model %q, which is not a number", v.Version, model)
	}
	if v.Status != "READY" {
		return nil, schema.MLflowNotReady.Errorf("version %d of model %q in MLflow is %s, not READY %s", number, model, v.Status, v.Message)
	}
	out := &Version{Model: model, Number: number, RunID: v.RunID, Tags: map[string]string{}}
	for _, tag := range v.Tags {
		out.Tags[tag.Key] = tag.Value
	}
	return out, nil
}

type pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Metrics returns the last value of each metric of a run; values that are not finite
// numbers are left out.
func (c *Client) Metrics(ctx context.Context, runID string) (map[string]float64, error) {
	var answer struct {
		Run struct {
			Data struct {
				Metrics []struct {
					Key   string `json:"key"`
					Value any    `json:"value"` // a text such as "NaN" where JSON has no such number
				} `json:"metrics"`
			} `json:"data"`
		} `json:"run"`
	}
	if err := c.call(ctx, "runs/get", url.Values{"run_id": {runID}}, &answer); err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for _, m := range answer.Run.Data.Metrics {
		if value, isNumber := m.Value.(float64); isNumber && !math.IsInf(value, 0) {
			out[m.Key] = value
		}
	}
	return out, nil
}

// ONNX returns the ONNX file of a version, and a function that reads the files beside
// it. MLflow puts large weights into these.
func (c *Client) ONNX(ctx context.Context, v *Version) (file []byte, beside func(name string) ([]byte, error), err error) {
	folder, err := c.artifacts(ctx, v)
	if err != nil {
		return nil, nil, err
	}
	get := func(name string, limit int64) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, fileTimeout)
		defer cancel()
		return c.get(ctx, folder.JoinPath(name), limit)
	}
	raw, err := get("MLmodel", maxMLmodel)
	if err != nil {
		return nil, nil, err
	}
	name, err := onnxFile(raw)
	if err != nil {
		return nil, nil, err
	}
	file, err = get(name, maxFileBytes)
	return file, func(other string) ([]byte, error) {
		if !isLocal(other) {
			return nil, schema.MLflowArtifacts.ErrorfAs(schema.Invalid, "the ONNX file of version %d of model %q in MLflow has weights in %.200q, which is not a path below its folder", v.Number, v.Model, other)
		}
		return get(path.Join(path.Dir(name), other), maxFileBytes)
	}, err
}

// artifacts returns the path of a version's files in the proxy of the tracking server.
func (c *Client) artifacts(ctx context.Context, v *Version) (*url.URL, error) {
	var answer struct {
		URI string `json:"artifact_uri"`
	}
	number := strconv.FormatInt(v.Number, 10)
	if err := c.call(ctx, "model-versions/get-download-uri", url.Values{"name": {v.Model}, "version": {number}}, &answer); err != nil {
		return nil, err
	}
	at, err := url.Parse(answer.URI)
	if err != nil || at.Scheme != "mlflow-artifacts" {
		return nil, schema.MLflowArtifacts.Errorf("version %d of model %q in MLflow has its files at %.200s; Larder reads only files that the tracking server serves itself (mlflow-artifacts:, mlflow server --serve-artifacts)",
			v.Number, v.Model, answer.URI)
	}
	below := strings.TrimPrefix(at.Path, "/")
	if !isLocal(below) {
		return nil, schema.MLflowArtifacts.ErrorfAs(schema.Invalid, "version %d of model %q in MLflow has its files at %.200q, which is not a path below its artifacts", v.Number, v.Model, answer.URI)
	}
	return c.base.JoinPath("api/2.0/mlflow-artifacts/artifacts", below), nil
}

// isLocal reports whether a path with slashes stays below its folder.
func isLocal(name string) bool {
	return name != "." && path.Clean(name) == name && filepath.IsLocal(filepath.FromSlash(name)) && !strings.ContainsRune(name, '\\')
}

// maxNesting bounds lists and mappings within each other. MLflow's files have about 5.
const maxNesting = 50

// maxTokens bounds keys, values and marks, since the time to read a mapping grows with the
// square of its length. A signature of any width is one text.
const maxTokens = 20_000

// maxAliases bounds aliases, as each may double what a file unfolds to. Python writes one
// where an object is in a file twice.
const maxAliases = 8

// checkSize refuses a file whose lists and mappings are so many, so deep within each other,
// or repeat each other so often, that reading it takes all memory. It counts brackets in quotes too, which files have in pairs.
func checkSize(raw []byte) error {
	brackets, dashes := 0, 0
	start := true // of a line, apart from blanks, "- " and "? "
	for i, c := range raw {
		switch {
		case c == '[' || c == '{':
			brackets++
		case c == ']' || c == '}':
			brackets = max(0, brackets-1)
		case c == '\n':
			dashes, start = 0, true
			continue
		case start && (c == '-' || c == '?') && i+1 < len(raw) && (raw[i+1] == ' ' || raw[i+1] == '\t'):
			dashes++
		}
		start = start && (c == ' ' || c == '\t' || c == '-' || c == '?')
		if brackets > maxNesting || dashes > maxNesting {
			return schema.MLflowMLmodel.Errorf("the MLmodel file has more than %d lists or mappings within each other", maxNesting)
		}
	}
	aliases, tokens := 0, lexer.Tokenize(string(raw))
	if len(tokens) > maxTokens {
		return schema.MLflowMLmodel.Errorf("the MLmodel file has more than %d keys, values and marks", maxTokens)
	}
	for _, t := range tokens {
		if t.Type == token.AliasType {
			aliases++
		}
	}
	if aliases > maxAliases {
		return schema.MLflowMLmodel.Errorf("the MLmodel file has more than %d aliases (*name); write the values out", maxAliases)
	}
	return nil
}

// onnxFile returns the path of the ONNX file that an MLmodel file names.
func onnxFile(raw []byte) (string, error) {
	var described struct {
		Flavors map[string]struct {
			Data string `yaml:"data"`
		} `yaml:"flavors"`
	}
	if err := checkSize(raw); err != nil {
		return "", err
	}
	if err := yaml.Unmarshal(raw, &described); err != nil {
		return "", schema.MLflowMLmodel.Errorf("the model's MLmodel file can't be read")
	}
	flavor, found := described.Flavors["onnx"]
	if !found {
		return "", schema.MLflowNoONNX.Errorf("the model has no ONNX flavour; log it with mlflow.onnx.log_model")
	}
	if !isLocal(flavor.Data) {
		return "", schema.MLflowMLmodel.Errorf("the MLmodel file names the ONNX file %.200q, which is not a path below its folder", flavor.Data)
	}
	return flavor.Data, nil
}
