package definitions

import (
	"reflect"

	"larder/schema"
)

// description returns what an editor shows for a key of a mapping.
func description(t reflect.Type, key string) string {
	if own, found := ownDescriptions[t][key]; found {
		return own
	}
	return commonDescriptions[key]
}

// commonDescriptions describe keys that mean the same everywhere.
var commonDescriptions = map[string]string{
	"name":        "At most 128 letters, digits and _, not starting with a digit; unique among its kind.",
	"description": "For people; does not change what is served.",
	"owner":       "For people; does not change what is served.",
	"tags":        "A mapping of strings, for people; does not change what is served.",
	"type":        "bool, int32, int64, float32, float64, string, bytes, timestamp, list<...> of one of these, or vector<..., N>: N numbers.",
	"default":     "The value for every status except PRESENT, of the feature's type; defaults to null.",
}

var ownDescriptions = map[reflect.Type]map[string]string{
	reflect.TypeFor[schema.Definitions](): {
		"entities":         "Things that have a key.",
		"sources":          "Postgres tables and queries with an event time.",
		"feature_views":    "Features of one entity or of a combination of entities, from one source.",
		"on_demand_views":  "Features that are computed on request.",
		"feature_services": "Ordered lists of features; each is what one model reads.",
		"models":           "Models that score a feature service, in versions.",
	},
	reflect.TypeFor[schema.Entity](): {
		"join_keys": "The columns of the key, in order.",
	},
	reflect.TypeFor[schema.JoinKey](): {
		"name": "The name of the column in the source and of the key in requests.",
		"type": "bool, int32, int64, string, bytes or timestamp.",
	},
	reflect.TypeFor[schema.Source](): {
		"table":                    "TABLE or SCHEMA.TABLE; write either table or query.",
		"query":                    "One SELECT; write either query or table.",
		"timestamp_field":          "Column of the event time: when a row's facts were true.",
		"created_timestamp_column": "Column of the ingest time: when a row arrived.",
		"time_zone":                "IANA zone of time columns without a zone; if it is not given, such columns are refused.",
		"deleted_column":           "A boolean column; true deletes the key.",
		"lateness":                 "How far behind the watermark an incremental run reads again; defaults to 1m with an ingest time, else 0.",
		"on_bad_row":               "What a run does with a row that can't be stored: skip counts it and goes on, fail fails the run.",
		"max_bad_share":            "The share of a run's rows that skip tolerates; defaults to 0.01.",
	},
	reflect.TypeFor[schema.FeatureView](): {
		"entities": "The entities of the view; their join keys, in this order, select a row.",
		"source":   "The name of a source.",
		"ttl":      "Age past which a row counts as missing, as in 30s, 15m, 12h or 90d; 0 means never.",
		"schedule": "How often the server materializes the view; if it is not given, only on request.",
		"keep_old": "How long rows stay that a change of the view, or its removal, has put out of use; defaults to 1h. Until then, going back finds them.",
		"max_run":  "How long one run may take, 1s to 7d; defaults to 1h. Past it the run fails.",
		"features": "Columns of the source.",
	},
	reflect.TypeFor[schema.OnDemandView](): {
		"request":  "Values that every request must send.",
		"sources":  "The feature views and on-demand views that this view reads.",
		"features": "The features; each is computed by an expression.",
	},
	reflect.TypeFor[schema.OnDemandFeature](): {
		"expr":    "An expression in CEL over request.NAME, VIEW.FEATURE and features of earlier on-demand views.",
		"default": "The value instead of null, of the feature's type.",
	},
	reflect.TypeFor[schema.FeatureService](): {
		"request":  "Values that the request sends and the model gets unchanged.",
		"features": "References, in the order of the vector: VIEW:FEATURE, VIEW:* or request:NAME.",
	},
	reflect.TypeFor[schema.Model](): {
		"mlflow":          "The alias in MLflow that versions come from and that says which one serves; defaults to none.",
		"feature_service": "The name of the feature service that the model reads.",
		"inputs":          "Which features feed which inputs of the files, where the names of the inputs don't say so.",
		"versions":        "The trained files of the model.",
		"serve":           "The version that scores requests that name none.",
		"log":             "Which requests are logged, with the vectors that the model got; defaults to none.",
		"traffic":         "The versions that serve, each with its weight; replaces serve. The first is the control.",
		"split_by":        "The join key or request value that decides which version of traffic scores a row.",
		"salt":            "The text that is hashed before the value of split_by; defaults to the model's name.",
		"shadow":          "Versions that score logged requests; their scores go to the feature log only.",
		"labels":          "What later turned out to be true of scored rows, for larder experiment.",
		"ramp":            "Raises the weight of one version of the traffic over time.",
		"limits":          "The time and memory that runs of the model may take.",
		"batching":        "Scores requests that arrive while the model is busy together in one run; defaults to never.",
		"providers":       "What runs the model; the first available one is used. Defaults to cpu.",
		"rollout":         "file lets this file always decide which versions serve. Without it, commands (promote, rollback, traffic) decide once one was used, and applying the file leaves that as it is.",
		"isolation":       "process runs the model in a process of its own; without it only models that need one have one.",
		"on_missing":      "What happens when a value is not present: default gives the model the default or null, fail fails the request.",
	},
	reflect.TypeFor[schema.ModelInput](): {
		"name":      "The name of an input of the model's file.",
		"features":  "The features that feed it, in the order of its columns: VIEW:FEATURE, VIEW:*, or FEATURE where only one view has it.",
		"length":    "How many elements the input takes of each list; defaults to what the file says.",
		"pad":       "The end at which a shorter list is filled up: start or end. Without it, no list may be shorter.",
		"pad_value": "The number that fills a list up; defaults to 0. Lists of strings are filled up with \"\".",
		"truncate":  "The end that is cut off a longer list: start or end. Without it, no list may be longer.",
		"mask":      "The name of another input, which gets 1 for each element of the list and 0 for padding.",
	},
	reflect.TypeFor[schema.MLflowAlias](): {
		"model": "The name of the registered model in MLflow; defaults to the name of this model.",
		"alias": "The alias to follow, as in champion; its version is served.",
	},
	reflect.TypeFor[schema.ModelLog](): {
		"rate": "The share of requests to log, above 0 and at most 1.",
	},
	reflect.TypeFor[schema.Labels](): {
		"source":     "The name of the source; its rows are the labels.",
		"request_id": "The column with the id of the request that a label belongs to.",
		"row":        "The column with the row in the request, from 0; if it is not given, labels belong to row 0.",
		"keys":       "Replaces request_id: join keys and request values that are also columns of the source; a label belongs to the last request with these values before its event time.",
		"within":     "With keys: the longest time from a request to the event time of its label.",
		"label":      "The column with what turned out to be true.",
		"values":     "Columns with what the outcome was worth.",
		"threshold":  "Scores at or above this count as positive; defaults to 0.5.",
		"schedule":   "How often servers update their experiment metrics; defaults to never.",
		"window":     "How far back the experiment metrics look; defaults to 7d.",
	},
	reflect.TypeFor[schema.LabelColumn](): {
		"name": "A column of the source.",
		"type": "The type of the column: for a label bool, or int32 or int64 with 1 and 0; for a value bool or a number.",
	},
	reflect.TypeFor[schema.VersionWeight](): {
		"version": "A version of the model.",
		"weight":  "Percent of the values of split_by, with at most two decimals; the weights add up to 100.",
	},
	reflect.TypeFor[schema.Ramp](): {
		"version": "The version whose weight is raised; not the control.",
		"from":    "The weight at the beginning, as in traffic.",
		"to":      "The weight at the end; the weight of the control falls by the difference.",
		"over":    "How long the ramp takes, as in 2d.",
		"guards":  "Limits that send all traffic of the version back to the control when exceeded; defaults to none.",
	},
	reflect.TypeFor[schema.Guards](): {
		"error_share":    "How much larger the version's share of failed requests may be than the control's: 0.01 is one in a hundred.",
		"latency_ratio":  "The version's 99th percentile scoring time may be at most this many times the control's.",
		"score_distance": "The largest Kolmogorov-Smirnov distance between the score distributions of the two versions, from 0 to 1.",
		"missing_share":  "How much larger the version's share of missing rows may be than the control's.",
		"window":         "How far back requests count; defaults to 5m, at most 1h.",
		"min_requests":   "How many requests each version needs before a guard may trip; defaults to 200.",
	},
	reflect.TypeFor[schema.ModelLimits](): {
		"time":   "How long one run may take, as in 1s; defaults to 10s.",
		"memory": "The memory of all runs together, without the model's weights, as in 256MiB; defaults to 1GiB.",
	},
	reflect.TypeFor[schema.Batching](): {
		"max_batch": "The most rows in one run.",
		"max_delay": "The longest that a request waits for its run to start, as in 200us.",
	},
	reflect.TypeFor[schema.Provider](): {
		"name":    "coreml, cpu, cuda, openvino, tensorrt or xnnpack.",
		"options": "Options of the provider, as ONNX Runtime documents them.",
	},
	reflect.TypeFor[schema.ModelVersion](): {
		"version": "A whole number, 1 or more.",
		"onnx":    "Path of the file below the folder of the definitions.",
		"sha256":  "The SHA-256 of the file in hex, as sha256sum prints; if it is given, the file must match.",
		"output":  "Name of the output that holds the score; if it is not given, Larder finds it.",
		"column":  "Column of the output, from 0; if it is not given, Larder finds it.",
		"dataset": "The id of the training set that the model was trained on; does not change what is served.",
		"metrics": "A mapping of numbers, as in {auc: 0.87}; for people.",
		"from":    "How a version was added, if not by a folder of definitions: push, mlflow or repository.",
	},
}
