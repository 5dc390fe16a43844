package serving

import (
	"larder/internal/openapi"
	"larder/schema"
)

// The operations of HTTP, as GET /openapi.json and docs/http.md have them. Their bodies
// are made of the tables that requests are read by.
var (
	featuresOperation = openapi.Operation{
		Pattern: "POST /v1/features", ID: "features", Tag: "serving", Summary: "read the newest features of entities",
		About: "Asks for a feature service, or for a list of features. Every row of the answer is that of the same row of the request; what is not found has the feature's default and says so in its status.",
		Request: &openapi.Body{
			Schema:  bodyOf("FeaturesRequest", "A request for features.", new(jsonRequest).featureFields()),
			Example: `{"feature_service": "late_v1", "entities": {"courier_id": [7, 4711]}, "request": {"km": [1.5, 9]}}`,
		},
		Answer: openapi.Body{
			Schema: openapi.Named("FeaturesAnswer", openapi.Object("The features, in the order of the feature service or the list.", map[string]*openapi.Schema{
				"features": columnsSchema, "reads": readsSchema, "catalog_version": catalogSchema,
			}, "features", "reads", "catalog_version")),
			Example: `{"features": [
  {"name": "courier_stats:trips_7d", "values": [12, 0], "statuses": ["PRESENT", "NOT_FOUND"]},
  {"name": "courier_stats:rating", "values": [3.75, 4], "statuses": ["PRESENT", "NOT_FOUND"]},
  {"name": "request:km", "values": [1.5, 9], "statuses": ["PRESENT", "PRESENT"]}],
 "reads": [{"feature_view": "courier_stats", "statuses": ["PRESENT", "NOT_FOUND"], "ages_us": [3600381236, 0]}],
 "catalog_version": 1}`,
		},
	}
	scoreOperation = openapi.Operation{
		Pattern: "POST /v1/score", ID: "score", Tag: "serving", Summary: "score entities with a model, by its features",
		About: "Reads the features of the model's feature service and scores them, row by row.",
		Request: &openapi.Body{
			Schema:  bodyOf("ScoreRequest", "A request for scores.", new(jsonRequest).scoreFields(), "model"),
			Example: `{"model": "late", "entities": {"courier_id": [7, 4711]}, "request": {"km": [1.5, 9]}}`,
		},
		Answer: openapi.Body{
			Schema: openapi.Named("ScoreAnswer", openapi.Object("The scores, and what they were made of.", map[string]*openapi.Schema{
				"scores":   openapi.List(numberSchema, "The score of each row; empty for a model without a score."),
				"outputs":  outputAnswersSchema,
				"features": columnsSchema, "reads": readsSchema, "catalog_version": catalogSchema,
				"model": openapi.Of("string", ""), "model_version": openapi.Of("integer", "The version that scored; of the first row, where several did."),
				"model_versions": openapi.List(openapi.Of("integer", ""), "The version that scored each row, where several did."),
				"request_id":     openapi.Of("string", "By which the request is logged, where it is."),
			}, "scores", "reads", "model", "model_version", "catalog_version")),
			Example: `{"scores": [0.75, 5],
 "reads": [{"feature_view": "courier_stats", "statuses": ["PRESENT", "NOT_FOUND"], "ages_us": [3600381236, 0]}],
 "model": "late", "model_version": 1, "catalog_version": 1}`,
		},
	}
)

// bodyOf returns the schema of a body that has some of these fields.
func bodyOf(name, about string, fields map[string]field, required ...string) *openapi.Schema {
	members := map[string]*openapi.Schema{}
	for name, f := range fields {
		members[name] = f.schema
	}
	return openapi.Named(name, openapi.Object(about, members, required...))
}

// The schemas of fields.
var (
	valuesSchema = openapi.List(new(openapi.Schema), "A value for each row. What a value is depends on its type in the definitions: "+
		"a number, a text, true or false, RFC 3339 for a timestamp, base64 for bytes, or a list of these; null where there is none.")
	entitiesSchema  = openapi.Map(valuesSchema, "The join keys, by name, each with its values row by row.")
	requestSchema   = openapi.Map(valuesSchema, "Values that only the request knows, by name, row by row; a feature of a view that is named here is not read.")
	atSchema        = &openapi.Schema{Type: "string", Format: "date-time", Description: "The time that decides which rows have expired; now if absent."}
	featuresSchema  = &openapi.Schema{Type: "array", Items: openapi.Of("string", ""), MaxItems: schema.MaxFeatures, Description: "Features to read, as VIEW:FEATURE or VIEW:*; either this or feature_service."}
	versionSchema   = openapi.Of("integer", "The version to score with; the one that the model's traffic chooses if absent or 0.")
	requestIDSchema = &openapi.Schema{Type: "string", MaxLength: maxRequestID, Description: "By which the request is logged, and its traffic may be split."}

	statusSchema = &openapi.Schema{Name: "Status", Type: "string", Enum: []string{
		schema.StatusPresent.String(), schema.StatusNullValue.String(), schema.StatusNotFound.String(), schema.StatusOutsideMaxAge.String(), schema.StatusWithheld.String(),
	}, Description: "Whether a value was found."}
	outputsSchema = &openapi.Schema{Type: "array", Items: openapi.Of("string", ""), MaxItems: schema.MaxFeatures, Description: "Outputs of the model to answer, by their names in its file; * alone for all. A model without a score answers all of them if none is named."}

	outputAnswersSchema = openapi.Map(new(openapi.Schema), "The outputs that were asked for, by name: a list with the values of each row, "+
		"nested as the output's shape says; or where its columns stand for classes, an object with classes and values.")
	numberSchema  = &openapi.Schema{Type: []string{"number", "string"}, Description: "A number, or NaN, Infinity or -Infinity as a text."}
	columnsSchema = openapi.List(openapi.Named("Feature", openapi.Object("A feature.", map[string]*openapi.Schema{
		"name": openapi.Of("string", "VIEW:FEATURE, or request:NAME."), "values": valuesSchema, "statuses": openapi.List(statusSchema, ""),
	}, "name", "values", "statuses")), "The features, each with a value and a status for each row.")
	readsSchema = openapi.List(openapi.Named("Read", openapi.Object("What was found in a view.", map[string]*openapi.Schema{
		"feature_view": openapi.Of("string", ""), "statuses": openapi.List(statusSchema, "Of each row."),
		"ages_us": openapi.List(openapi.Of("integer", ""), "How old the row that was found is, in microseconds; 0 where none was."),
	}, "feature_view", "statuses", "ages_us")), "What was found in each view.")
	catalogSchema = openapi.Of("integer", "The version of the definitions that answered.")
)
