package feast

import (
	"larder/internal/openapi"
	"larder/schema"
)

const tag = "feast"

// The operations of HTTP, as GET /openapi.json and docs/http.md have them.
var (
	featuresOperation = openapi.Operation{
		Pattern: "POST /get-online-features", ID: "feast_features", Tag: tag, Errors: openapi.FeastErrors,
		Summary: "read the newest features of entities, as Feast's server does",
		About:   "Join keys come first in the answer, then the features. Request values go among the entities and are not answered. docs/feast.md says what differs from Feast.",
		Request: &openapi.Body{
			Schema: openapi.Named("FeastFeaturesRequest", openapi.OpenObject("A request for features.", map[string]*openapi.Schema{
				"entities":                              openapi.Map(valuesSchema, "The join keys and request values, by name, each with its values row by row. Those that the features don't need are ignored."),
				"feature_service":                       {Type: []string{"string", "null"}, Description: "The feature service to read; either this or features."},
				"features":                              {Type: "array", Items: openapi.Of("string", ""), MaxItems: schema.MaxFeatures, Description: "Features to read, as VIEW:FEATURE."},
				"full_feature_names":                    openapi.Of("boolean", "Name the features VIEW__FEATURE in the answer."),
				"include_feature_view_version_metadata": openapi.Of("boolean", "Name the views that were read, and the version of the definitions."),
			}, "entities")),
			Example: `{"features": ["courier_stats:trips_7d", "courier_stats:rating"], "entities": {"courier_id": [7, 4711]}}`,
		},
		Answer: openapi.Body{
			Schema: openapi.Named("FeastFeaturesAnswer", openapi.Object("The columns, and their names in the same order.", map[string]*openapi.Schema{
				"results": openapi.List(openapi.Named("FeastColumn", openapi.Object("A join key or feature.", map[string]*openapi.Schema{
					"values": valuesSchema, "statuses": openapi.List(openapi.Of("string", ""), "PRESENT, NULL_VALUE, NOT_FOUND or OUTSIDE_MAX_AGE."),
					"event_timestamps": openapi.List(&openapi.Schema{Type: "string", Format: "date-time"}, "Of the row that the value comes from; 1970 where there is none."),
				}, "values", "statuses", "event_timestamps")), ""),
				"metadata": openapi.Object("", map[string]*openapi.Schema{
					"feature_names": openapi.List(openapi.Of("string", ""), ""),
					"feature_view_metadata": openapi.List(openapi.Object("", map[string]*openapi.Schema{
						"name": openapi.Of("string", ""), "version": openapi.Of("integer", "The version of the definitions."),
					}, "name", "version"), ""),
				}, "feature_names"),
			}, "results", "metadata")),
			Example: `{"results": [
  {"values": [7, 4711], "statuses": ["PRESENT", "PRESENT"], "event_timestamps": ["1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"]},
  {"values": [12, 0], "statuses": ["PRESENT", "NOT_FOUND"], "event_timestamps": ["2026-01-31T09:00:00.25Z", "1970-01-01T00:00:00Z"]},
  {"values": [3.75, 4.0], "statuses": ["PRESENT", "NOT_FOUND"], "event_timestamps": ["2026-01-31T09:00:00.25Z", "1970-01-01T00:00:00Z"]}],
 "metadata": {"feature_names": ["courier_id", "trips_7d", "rating"]}}`,
		},
	}
	pushOperation = openapi.Operation{
		Pattern: "POST /push", ID: "feast_push", Tag: tag, Errors: openapi.FeastErrors,
		Summary: "add rows to the table of a source and serve them, as Feast's push sources do",
		About:   "The rows go into the table of the source that has the name of the push source. All are stored or none.",
		Request: &openapi.Body{
			Schema: openapi.Named("FeastPushRequest", openapi.OpenObject("", map[string]*openapi.Schema{
				"push_source_name": openapi.Of("string", "The source."), "df": frameSchema,
				"to": {Type: "string", Enum: []string{toOnline, toOffline, toBoth}, Description: "With offline the next run serves the rows; else they are served when the request is answered."},
			}, "push_source_name", "df")),
			Example: `{"push_source_name": "couriers", "df": {"courier_id": [8], "event_timestamp": ["2026-01-31T10:00:00Z"], "trips_7d": [3], "rating": [4.5]}}`,
		},
	}
	writeOperation = openapi.Operation{
		Pattern: "POST /write-to-online-store", ID: "feast_write", Tag: tag, Errors: openapi.FeastErrors,
		Summary: "add rows to the table of a view's source and serve them",
		Request: &openapi.Body{
			Schema: openapi.Named("FeastWriteRequest", openapi.OpenObject("", map[string]*openapi.Schema{
				"feature_view_name": openapi.Of("string", "The view."), "df": frameSchema,
			}, "feature_view_name", "df")),
			Example: `{"feature_view_name": "courier_stats", "df": {"courier_id": [8], "event_timestamp": ["2026-01-31T10:00:00Z"], "trips_7d": [3], "rating": [4.5]}}`,
		},
		Answer: openapi.Body{Schema: &openapi.Schema{Type: "null"}, Example: "null"},
	}
	materializeOperation = openapi.Operation{
		Pattern: "POST /materialize", ID: "feast_materialize", Tag: tag, Errors: openapi.FeastErrors,
		Summary: "materialize rows with event times in a range",
		About:   "The answer comes when all runs have ended; with ?async=true at once, with the status 202.",
		Request: &openapi.Body{
			Schema: openapi.Named("FeastMaterializeRequest", openapi.OpenObject("", map[string]*openapi.Schema{
				"start_ts": timeSchema, "end_ts": timeSchema, "feature_views": viewsSchema,
				"disable_event_timestamp": openapi.Of("boolean", "All rows, whatever their time."),
			})),
			Example: `{"start_ts": "2026-01-01T00:00:00Z", "end_ts": "2026-01-31T10:00:00Z"}`,
		},
		Answer: openapi.Body{Schema: &openapi.Schema{Type: "null"}, Example: "null"},
	}
	incrementalOperation = openapi.Operation{
		Pattern: "POST /materialize-incremental", ID: "feast_materialize_incremental", Tag: tag, Errors: openapi.FeastErrors,
		Summary: "materialize what is new up to a time",
		About:   materializeOperation.About,
		Request: &openapi.Body{
			Schema: openapi.Named("FeastIncrementalRequest", openapi.OpenObject("", map[string]*openapi.Schema{
				"end_ts": timeSchema, "feature_views": viewsSchema,
			}, "end_ts")),
			Example: `{"end_ts": "2026-01-31T10:00:00Z", "feature_views": ["courier_stats"]}`,
		},
		Answer: openapi.Body{Schema: &openapi.Schema{Type: "null"}, Example: "null"},
	}
)

var (
	valuesSchema = openapi.List(new(openapi.Schema), "A value for each row: a number, a text, true or false, base64 for bytes, whole seconds since 1970 for a timestamp, or a list of these; null where there is none.")
	frameSchema  = openapi.Map(openapi.List(new(openapi.Schema), ""), "The columns of the table, by name, each with its values row by row; event_timestamp and created stand for the source's event time and ingest time.")
	timeSchema   = openapi.Of("string", "A time; UTC where it names no zone.")
	viewsSchema  = &openapi.Schema{Type: []string{"array", "null"}, Items: openapi.Of("string", ""), Description: "The views; all if absent."}
)
