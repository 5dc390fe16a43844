package inference

import (
	"strings"

	"larder/internal/openapi"
)

// The operations of HTTP, as GET /openapi.json and docs/http.md have them.
var (
	liveOperation = openapi.Operation{
		Pattern: "GET /v2/health/live", ID: "v2_live", Tag: tag, Summary: "say that the process is alive",
		Answer: openapi.Body{Schema: openapi.Object("", map[string]*openapi.Schema{"live": openapi.Of("boolean", "")}, "live"), Example: `{"live": true}`},
		Errors: openapi.TextErrors,
	}
	readyOperation = openapi.Operation{
		Pattern: "GET /v2/health/ready", ID: "v2_ready", Tag: tag, Summary: "say whether requests can be answered; 503 while they can't",
		Answer: openapi.Body{Schema: openapi.Object("", map[string]*openapi.Schema{"ready": openapi.Of("boolean", "")}, "ready"), Example: `{"ready": true}`},
		Errors: openapi.ReadyErrors,
	}
	serverOperation = openapi.Operation{
		Pattern: "GET /v2", ID: "v2_server", Tag: tag, Summary: "describe the server", Errors: openapi.TextErrors,
		Answer: openapi.Body{
			Schema: openapi.Named("ServerMetadata", openapi.Object("", map[string]*openapi.Schema{
				"name": openapi.Of("string", ""), "version": openapi.Of("string", ""), "extensions": openapi.List(openapi.Of("string", ""), "What of the protocol's extensions there is."),
			}, "name", "version", "extensions")),
			Example: `{"name": "larder", "version": "dev", "extensions": ["binary_tensor_data", "model_configuration", "model_repository", "statistics"]}`,
		},
	}
	modelOperation = openapi.Operation{
		Pattern: "GET /v2/models/{model}", ID: "v2_model", Tag: tag, Summary: "describe the tensors of a model", Errors: openapi.TextErrors,
		Answer: openapi.Body{
			Schema: openapi.Named("ModelMetadata", openapi.Object("", map[string]*openapi.Schema{
				"name": openapi.Of("string", ""), "versions": openapi.List(openapi.Of("string", ""), ""), "platform": openapi.Of("string", ""),
				"inputs": openapi.List(describedTensor, ""), "outputs": openapi.List(describedTensor, ""),
			}, "name", "versions", "platform", "inputs", "outputs")),
			Example: `{"name": "late", "versions": ["1"], "platform": "onnxruntime_onnx",
 "inputs": [{"name": "X", "datatype": "FP32", "shape": [-1, 3]}], "outputs": [{"name": "score", "datatype": "FP32", "shape": [-1, 1]}]}`,
		},
	}
	modelReadyOperation = openapi.Operation{
		Pattern: "GET /v2/models/{model}/ready", ID: "v2_model_ready", Tag: tag, Summary: "say whether a model can be asked",
		Answer: openapi.Body{
			Schema:  openapi.Object("", map[string]*openapi.Schema{"name": openapi.Of("string", ""), "ready": openapi.Of("boolean", "")}, "name", "ready"),
			Example: `{"name": "late", "ready": true}`,
		},
		Errors: openapi.ReadyErrors,
	}
	configOperation = openapi.Operation{
		Pattern: "GET /v2/models/{model}/config", ID: "v2_config", Tag: tag, Summary: "give the configuration of a model, as Triton has it", Errors: openapi.TextErrors,
		Answer: openapi.Body{
			Schema: &openapi.Schema{Type: "object"},
			Example: `{"name": "late", "platform": "onnxruntime_onnx", "max_batch_size": 0, "backend": "larder",
 "input": [{"name": "X", "data_type": "TYPE_FP32", "dims": [-1, 3]}], "output": [{"name": "score", "data_type": "TYPE_FP32", "dims": [-1, 1]}]}`,
		},
	}
	statsOperation = openapi.Operation{
		Pattern: "GET /v2/models/{model}/stats", ID: "v2_stats", Tag: tag, Summary: "count the requests that a model has answered over this protocol", Errors: openapi.TextErrors,
		About:  "Durations are nanoseconds; last_inference is in milliseconds since 1970 UTC. docs/inference-protocol.md says what counts.",
		Answer: statsBody(statsExample),
	}
	allStatsOperation = openapi.Operation{
		Pattern: "GET /v2/models/stats", ID: "v2_all_stats", Tag: tag, Summary: "count the requests that each model has answered over this protocol", Errors: openapi.TextErrors,
		Answer: statsBody(statsExample, featuresStatsExample),
	}
	inferOperation = openapi.Operation{
		Pattern: "POST /v2/models/{model}/infer", ID: "v2_infer", Tag: tag, Summary: "run a model on tensors; MODEL.features reads the features and scores them",
		About: "The data of a tensor is flat or nested lists, row by row. Raw contents after the JSON are described in docs/inference-protocol.md.", Errors: openapi.TextErrors,
		Request: &openapi.Body{
			Schema: &openapi.Schema{Name: "InferRequest", Type: "object", Required: []string{"inputs"}, Properties: map[string]*openapi.Schema{
				"id": orNull("string", "Returned with the answer."),
				"parameters": {Type: []string{"object", "null"}, Description: "Options of the request.", Properties: map[string]*openapi.Schema{
					"binary_data_output": orNull("boolean", "Answer with raw contents."), "at": orNull("integer", "Of MODEL.features: the time that decides which rows have expired, in microseconds since 1970 UTC."),
					"timeout": orNull("integer", "Microseconds after which the request is given up; 0 for none."),
				}},
				"inputs":  openapi.List(sentTensor, "The inputs of the model."),
				"outputs": {Type: []string{"array", "null"}, Items: wantedOutput, Description: "The outputs to answer with; all if absent."},
			}},
			Example: `{"inputs": [{"name": "X", "datatype": "FP32", "shape": [1, 3], "data": [12, 3.75, 1.5]}]}`,
		},
		Answer: openapi.Body{
			Schema: openapi.Named("InferAnswer", openapi.Object("", map[string]*openapi.Schema{
				"model_name": openapi.Of("string", ""), "model_version": openapi.Of("string", ""), "id": openapi.Of("string", ""),
				"parameters": openapi.Map(openapi.Of("integer", ""), "catalog_version: the version of the definitions that answered."),
				"outputs":    openapi.List(answeredTensor, ""),
			}, "model_name", "model_version", "parameters", "outputs")),
			Also: "application/octet-stream", // with raw contents
			Example: `{"model_name": "late", "model_version": "1", "parameters": {"catalog_version": 1},
 "outputs": [{"name": "score", "datatype": "FP32", "shape": [1, 1], "data": [0.75]}]}`,
		},
	}
	indexOperation = openapi.Operation{
		Pattern: "POST /v2/repository/index", ID: "v2_index", Tag: tag, Summary: "list the models and their versions", Errors: openapi.TextErrors,
		Request: &openapi.Body{
			Schema:   &openapi.Schema{Type: []string{"object", "null"}, Properties: map[string]*openapi.Schema{"ready": orNull("boolean", "Only models that are ready, which all are.")}},
			Example:  `{"ready": true}`,
			Optional: true,
		},
		Answer: openapi.Body{
			Schema: openapi.List(openapi.Named("ModelState", openapi.Object("", map[string]*openapi.Schema{
				"name": openapi.Of("string", ""), "version": openapi.Of("string", ""), "state": openapi.Of("string", ""), "reason": openapi.Of("string", ""),
			}, "name", "version", "state", "reason")), ""),
			Example: `[{"name": "late", "version": "1", "state": "READY", "reason": ""}, {"name": "late.features", "version": "1", "state": "READY", "reason": ""}]`,
		},
	}
	loadOperation = openapi.Operation{
		Pattern: "POST /v2/repository/models/{model}/load", ID: "v2_load", Tag: tag, Summary: "load a model; all are loaded, so nothing happens",
		Path: map[string]openapi.Parameter{"model": modelParameter}, Answer: nothing, Errors: openapi.TextErrors,
		Request: &openapi.Body{Schema: &openapi.Schema{Type: []string{"object", "null"}}, Example: `{}`, Optional: true},
	}
	unloadOperation = openapi.Operation{
		Pattern: "POST /v2/repository/models/{model}/unload", ID: "v2_unload", Tag: tag, Summary: "unload a model; refused, since definitions say which there are",
		Path: map[string]openapi.Parameter{"model": modelParameter}, Answer: nothing, Errors: openapi.TextErrors,
	}
)

const tag = "inference"

// statsBody is an answer with statistics.
func statsBody(examples ...string) openapi.Body {
	return openapi.Body{Schema: statsSchema, Example: `{"model_stats": [` + strings.Join(examples, ",\n ") + `]}`}
}

const (
	statsExample         = `{"name": "late", ` + countsExample
	featuresStatsExample = `{"name": "late.features", ` + countsExample
	countsExample        = `"version": "1", "last_inference": 1750000000000, "inference_count": 8, "execution_count": 2, "inference_stats": {
  "success": {"count": 2, "ns": 91000}, "fail": {"count": 0, "ns": 0}, "queue": {"count": 0, "ns": 0}, "compute_input": {"count": 2, "ns": 4000},
  "compute_infer": {"count": 2, "ns": 81000}, "compute_output": {"count": 2, "ns": 6000}, "cache_hit": {"count": 0, "ns": 0}}, "batch_stats": []}`
)

var statsSchema = openapi.Named("Statistics", openapi.Object("", map[string]*openapi.Schema{
	"model_stats": openapi.List(openapi.Object("A version of a model.", map[string]*openapi.Schema{
		"name": openapi.Of("string", ""), "version": openapi.Of("string", ""),
		"last_inference":  openapi.Of("integer", "When the last answered request came, in milliseconds since 1970 UTC; 0: never."),
		"inference_count": openapi.Of("integer", "The rows answered."),
		"execution_count": openapi.Of("integer", "The requests answered."),
		"inference_stats": openapi.Map(openapi.Object("", map[string]*openapi.Schema{
			"count": openapi.Of("integer", ""), "ns": openapi.Of("integer", ""),
		}, "count", "ns"), "success, fail, queue, compute_input, compute_infer, compute_output and cache_hit."),
		"batch_stats": openapi.List(openapi.Of("object", ""), "Always empty."),
	}, "name", "version", "last_inference", "inference_count", "execution_count", "inference_stats", "batch_stats"), ""),
}, "model_stats"))

// nothing is an answer without a body.
var nothing = openapi.Body{}

var (
	modelParameter   = openapi.Parameter{About: "The name of a model, or MODEL.features.", Example: "late"}
	versionParameter = openapi.Parameter{About: "A version of the model, a whole number.", Example: "1"}
)

// ofModel returns an operation of a model, or of one of its versions.
func ofModel(o openapi.Operation, version bool) openapi.Operation {
	o.Path = map[string]openapi.Parameter{"model": modelParameter}
	if version {
		o.Path["version"] = versionParameter
		o.Pattern = strings.Replace(o.Pattern, "{model}", "{model}/versions/{version}", 1)
		o.ID += "_version"
		o.Summary = strings.Replace(o.Summary, "a model", "a version of a model", 1)
	}
	return o
}

// orNull returns the schema of what may be null, which is as if it were absent.
func orNull(name, description string) *openapi.Schema {
	return &openapi.Schema{Type: []string{name, "null"}, Description: description}
}

// The schemas of tensors.
var (
	datatypeSchema  = openapi.Of("string", "Such as FP32, INT64 or BYTES.")
	shapeSchema     = openapi.List(openapi.Of("integer", ""), "The length of each dimension.")
	dataSchema      = openapi.List(new(openapi.Schema), "The elements, row by row, nested or flat.")
	describedTensor = openapi.Named("TensorMetadata", openapi.Object("A tensor.", map[string]*openapi.Schema{
		"name": openapi.Of("string", ""), "datatype": datatypeSchema, "shape": openapi.List(openapi.Of("integer", ""), "The length of each dimension; -1 is any."),
	}, "name", "datatype", "shape"))
	answeredTensor = openapi.Named("OutputTensor", openapi.Object("A tensor.", map[string]*openapi.Schema{
		"name": openapi.Of("string", ""), "datatype": datatypeSchema, "shape": shapeSchema, "data": dataSchema,
		"parameters": openapi.Map(openapi.Of("integer", ""), "binary_data_size: the bytes that follow the JSON instead of data."),
	}, "name", "datatype", "shape"))
	sentTensor = &openapi.Schema{
		Name: "InputTensor", Type: "object", Description: "A tensor.", Required: []string{"name", "datatype", "shape"}, Properties: map[string]*openapi.Schema{
			"name": openapi.Of("string", ""), "datatype": datatypeSchema, "shape": shapeSchema, "data": dataSchema,
			"parameters": {Type: []string{"object", "null"}, Properties: map[string]*openapi.Schema{"binary_data_size": orNull("integer", "The bytes that follow the JSON instead of data.")}},
		},
	}
	wantedOutput = &openapi.Schema{
		Name: "WantedOutput", Type: "object", Description: "An output to answer with.", Required: []string{"name"}, Properties: map[string]*openapi.Schema{
			"name":       openapi.Of("string", ""),
			"parameters": {Type: []string{"object", "null"}, Properties: map[string]*openapi.Schema{"binary_data": orNull("boolean", "As raw contents.")}},
		},
	}
)
