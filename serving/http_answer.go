package serving

import (
	"strconv"

	"larder/column"
	"larder/schema"
)

// room returns memory for about as much JSON as the answer takes.
func (a *Answer) room() []byte {
	const perRequest, perScore, perRead, perValue = 512, 24, 24, 36
	return make([]byte, 0, perRequest+a.Rows*(perScore+perRead*len(a.Plan().Views)+perValue*len(a.Features)))
}

// appendFeatures appends the JSON of an answer of POST /v1/features.
func (a *Answer) appendFeatures(dst []byte) []byte {
	dst = a.appendColumns(append(dst, `{"features":`...))
	dst = a.appendReads(append(dst, `,"reads":`...))
	dst = strconv.AppendInt(append(dst, `,"catalog_version":`...), a.Plan().Catalog.Version, 10)
	return append(dst, "}\n"...)
}

// appendScores appends the JSON of an answer of POST /v1/score.
func (a *Answer) appendScores(dst []byte) []byte {
	plan := a.Plan()
	dst = appendList(append(dst, `{"scores":`...), a.Scores, func(dst []byte, v float64) []byte { return schema.AppendFloat(dst, v, 64) })
	if a.Outputs != nil {
		dst = appendOutputs(append(dst, `,"outputs":`...), a.Outputs, a.Rows)
	}
	if a.Features != nil {
		dst = a.appendColumns(append(dst, `,"features":`...))
	}
	dst = a.appendReads(append(dst, `,"reads":`...))
	dst = column.AppendText(append(dst, `,"model":`...), plan.Model.Name)
	dst = strconv.AppendInt(append(dst, `,"model_version":`...), plan.ModelVersion.Version, 10)
	if a.Versions != nil {
		dst = appendList(append(dst, `,"model_versions":`...), a.Versions, appendInt)
	}
	dst = strconv.AppendInt(append(dst, `,"catalog_version":`...), plan.Catalog.Version, 10)
	if a.RequestID != "" {
		dst = column.AppendText(append(dst, `,"request_id":`...), a.RequestID)
	}
	return append(dst, "}\n"...)
}

// appendList appends a JSON list of values, each as one appends it.
func appendList[T any](dst []byte, values []T, one func([]byte, T) []byte) []byte {
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = one(dst, v)
	}
	return append(dst, ']')
}

func appendInt(dst []byte, v int64) []byte { return strconv.AppendInt(dst, v, 10) }

func appendStatus(dst []byte, s schema.Status) []byte {
	return append(append(append(dst, '"'), s.String()...), '"')
}

func (a *Answer) appendColumns(dst []byte) []byte {
	dst = append(dst, '[')
	for i := range a.Features {
		if i > 0 {
			dst = append(dst, ',')
		}
		c := &a.Features[i]
		dst = column.AppendText(append(dst, `{"name":`...), a.Plan().Features[i].Name)
		dst = append(dst, `,"values":[`...)
		for r := range a.Rows {
			if r > 0 {
				dst = append(dst, ',')
			}
			dst = c.AppendJSON(dst, r)
		}
		dst = appendList(append(dst, `],"statuses":`...), c.Statuses, appendStatus)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func (a *Answer) appendReads(dst []byte) []byte {
	dst = append(dst, '[')
	for i := range a.Plan().Views {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = column.AppendText(append(dst, `{"feature_view":`...), a.Plan().Views[i].Name)
		dst = appendList(append(dst, `,"statuses":`...), a.Statuses(i), appendStatus)
		dst = appendList(append(dst, `,"ages_us":`...), a.Ages(i), appendInt)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}
