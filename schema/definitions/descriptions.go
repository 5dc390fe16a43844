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

// commonDescriptions are of keys that mean the same wherever they stand.
var commonDescriptions = map[string]string{
	"name":        "Letters, digits and _, at most 128, not starting with a digit; unique among its kind.",
	"description": "For people; changes nothing in what is served.",
	"owner":       "For people; changes nothing in what is served.",
	"tags":        "A mapping of texts; changes nothing in what is served.",
	"type":        "bool, int32, int64, float32, float64, string, bytes, timestamp, or list<...> of one of these.",
	"default":     "What any status but PRESENT answers, of the feature's type; null when not given.",
}

var ownDescriptions = map[reflect.Type]map[string]string{
	reflect.TypeFor[schema.Definitions](): {
		"entities":         "Things that have a key.",
		"sources":          "Postgres tables and queries with an event time.",
		"feature_views":    "Features of one entity or of a combination of entities, from one source.",
		"on_demand_views":  "Features that are computed when they are asked for.",
		"feature_services": "Ordered lists of features, each what one model reads.",
		"models":           "Scorers of a feature service, in versions.",
	},
	reflect.TypeFor[schema.Entity](): {
		"join_keys": "The columns of the key, in order.",
	},
	reflect.TypeFor[schema.JoinKey](): {
		"name": "Of the source's column, and of the request's.",
		"type": "bool, int32, int64, string, bytes or timestamp.",
	},
	reflect.TypeFor[schema.Source](): {
		"table":                    "TABLE or SCHEMA.TABLE; this or query.",
		"query":                    "One SELECT; this or table.",
		"timestamp_field":          "Column of the event time: when a row's facts were true.",
		"created_timestamp_column": "Column of the ingest time: when a row arrived.",
		"time_zone":                "IANA zone of time columns that carry none; without it these are refused.",
		"deleted_column":           "A boolean column; a true there deletes the key.",
		"lateness":                 "How far behind the watermark an incremental run looks again; 1m with an ingest time, else 0.",
		"on_bad_row":               "What a row does that can't be stored: skip counts it, fail fails the run.",
		"max_bad_share":            "The share of a run's rows that skip tolerates; 0.01 when not given.",
	},
	reflect.TypeFor[schema.FeatureView](): {
		"entities": "Whose join keys, in this order, select a row.",
		"source":   "The name of a source.",
		"ttl":      "Age past which a row counts as missing, as in 30s, 15m, 12h or 90d; 0 means never.",
		"schedule": "How often the server materializes the view; only when asked when not given.",
		"features": "Columns of the source.",
	},
	reflect.TypeFor[schema.OnDemandView](): {
		"request":  "Values that must come with a request.",
		"sources":  "The feature views and on-demand views that it reads.",
		"features": "Each computed by an expression.",
	},
	reflect.TypeFor[schema.OnDemandFeature](): {
		"expr":    "An expression in CEL over request.NAME, VIEW.FEATURE and features of earlier on-demand views.",
		"default": "What a null yields, of the feature's type.",
	},
	reflect.TypeFor[schema.FeatureService](): {
		"request":  "Values that come with the request and go to the model as they are.",
		"features": "References, in the order of the vector: VIEW:FEATURE, VIEW:* or request:NAME.",
	},
	reflect.TypeFor[schema.Model](): {
		"mlflow":          "The alias in MLflow that brings versions and says which serves; none when not given.",
		"feature_service": "The name of the feature service that the model reads.",
		"versions":        "Its trained files.",
		"serve":           "The version that answers when a request asks for none.",
		"log":             "Which requests are logged with the vectors that the model saw; none when not given.",
		"traffic":         "The versions that answer, each with its weight, instead of serve; the first is the control.",
		"split_by":        "The join key or request value whose values are shared out among the versions of traffic.",
		"salt":            "What is hashed before the value of split_by; the model's name when not given.",
		"shadow":          "Versions that score what is logged and answer nobody.",
		"labels":          "What became of what was scored, for larder experiment.",
		"ramp":            "Raises the weight of one version of the traffic over time.",
		"limits":          "What runs of the model may take.",
		"batching":        "Lets requests that come while the model is busy be scored in one run; never when not given.",
		"providers":       "What runs the model: the first that is there; cpu when not given.",
		"on_missing":      "What a value that is not present does: default gives the model the default or null, fail fails the request.",
	},
	reflect.TypeFor[schema.MLflowAlias](): {
		"model": "The name of the registered model in MLflow; that of this model when not given.",
		"alias": "The alias whose version is served, as in champion.",
	},
	reflect.TypeFor[schema.ModelLog](): {
		"rate": "The share of the requests that is logged, over 0 and up to 1.",
	},
	reflect.TypeFor[schema.Labels](): {
		"source":     "The name of the source whose rows are labels.",
		"request_id": "The column with the id of the request that a label is of.",
		"row":        "The column with the row in the request, from 0; labels are of row 0 when not given.",
		"keys":       "Instead of request_id: join keys and request values that the source has columns of; a label is of what was last asked for these before its event time.",
		"within":     "With keys: how long before a label's event time the request came at most.",
		"label":      "The column that says what turned out to be true.",
		"values":     "Columns that say what it was worth.",
		"threshold":  "The score from which on a decision is yes; 0.5 when not given.",
		"schedule":   "How often servers take the figures for their metrics; never when not given.",
		"window":     "How far back the figures of metrics go; 7d when not given.",
	},
	reflect.TypeFor[schema.LabelColumn](): {
		"name": "A column of the source.",
		"type": "Its type: of a label bool, or an int32 or int64 of 1 and 0; of a value bool or a number.",
	},
	reflect.TypeFor[schema.VersionWeight](): {
		"version": "A version of the model.",
		"weight":  "Percent of the values of split_by, with at most two decimals; the weights add up to 100.",
	},
	reflect.TypeFor[schema.Ramp](): {
		"version": "The version whose weight is raised; not the control.",
		"from":    "The weight at the beginning, as in traffic.",
		"to":      "The weight at the end; the control gives the difference.",
		"over":    "How long it takes, as in 2d.",
		"guards":  "What sends all traffic of the version back to the control; nothing when not given.",
	},
	reflect.TypeFor[schema.Guards](): {
		"error_share":    "How much more of the version's requests may fail than of the control's: 0.01 is one in a hundred.",
		"latency_ratio":  "How many times the control's the 99th percentile of the version's time to score may be.",
		"score_distance": "How far the distributions of the scores of the two may be apart, from 0 to 1, by Kolmogorov and Smirnov.",
		"missing_share":  "How much more of the rows that are read may be missing for the version than for the control.",
		"window":         "How far back requests count; 5m when not given, 1h at most.",
		"min_requests":   "How many requests of each of the two it takes before a guard trips; 200 when not given.",
	},
	reflect.TypeFor[schema.ModelLimits](): {
		"time":   "How long one run may take, as in 1s; 10s when not given.",
		"memory": "What runs take together besides the weights, as in 256MiB; 1GiB when not given.",
	},
	reflect.TypeFor[schema.Batching](): {
		"max_batch": "How many rows one run has at most.",
		"max_delay": "How long a request waits at most before its run begins, as in 200us.",
	},
	reflect.TypeFor[schema.Provider](): {
		"name":    "coreml, cpu, cuda, openvino, tensorrt or xnnpack.",
		"options": "As ONNX Runtime documents them for the provider.",
	},
	reflect.TypeFor[schema.ModelVersion](): {
		"version": "A number from 1 on.",
		"onnx":    "Path of the file below the folder of the definitions.",
		"sha256":  "Of the file, in hex, as sha256sum prints; where given, the file must have it.",
		"output":  "Name of the output that holds the score; found when not given.",
		"column":  "Column of the output, from 0; found when not given.",
		"dataset": "The id of the training set that the model was trained on; changes nothing in what is served.",
		"metrics": "A mapping of numbers, as in {auc: 0.87}; for people.",
		"from":    "How a version came that is not from a folder of definitions: push, mlflow or repository.",
	},
}
