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
		"feature_service": "The name of the feature service that the model reads.",
		"versions":        "Its trained files.",
		"serve":           "The version that answers when a request asks for none.",
		"log":             "Which requests are logged with the vectors that the model saw; none when not given.",
		"on_missing":      "What a value that is not present does: default gives the model the default or null, fail fails the request.",
	},
	reflect.TypeFor[schema.ModelLog](): {
		"rate": "The share of the requests that is logged, over 0 and up to 1.",
	},
	reflect.TypeFor[schema.ModelVersion](): {
		"version": "A number from 1 on.",
		"onnx":    "Path of the file below the folder of the definitions.",
		"sha256":  "Of the file, in hex, as sha256sum prints; where given, the file must have it.",
		"output":  "Name of the output that holds the score; found when not given.",
		"column":  "Column of the output, from 0; found when not given.",
		"dataset": "The id of the training set that the model was trained on; changes nothing in what is served.",
	},
}
