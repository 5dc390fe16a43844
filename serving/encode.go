package serving

import (
	"strconv"
	"strings"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
	"larder/vector"
)

// appendFeatures appends the JSON of an answer of POST /v1/features.
func appendFeatures(dst []byte, resp *larderv1.GetFeaturesResponse) []byte {
	dst = appendColumns(append(dst, `{"features":`...), resp.GetFeatures())
	dst = appendReads(append(dst, `,"reads":`...), resp.GetReads())
	dst = strconv.AppendInt(append(dst, `,"catalog_version":`...), resp.GetCatalogVersion(), 10)
	return append(dst, "}\n"...)
}

// appendScores appends the JSON of an answer of POST /v1/score.
func appendScores(dst []byte, model string, resp *larderv1.GetFeaturesAndScoreResponse) []byte {
	dst = appendList(append(dst, `{"scores":`...), resp.GetScores(), func(dst []byte, v float64) []byte { return schema.AppendValue(dst, v) })
	if resp.Features != nil {
		dst = appendColumns(append(dst, `,"features":`...), resp.GetFeatures())
	}
	dst = appendReads(append(dst, `,"reads":`...), resp.GetReads())
	dst = schema.AppendValue(append(dst, `,"model":`...), model)
	dst = strconv.AppendInt(append(dst, `,"model_version":`...), resp.GetModelVersion(), 10)
	if resp.ModelVersions != nil {
		dst = appendList(append(dst, `,"model_versions":`...), resp.GetModelVersions(), func(dst []byte, v int64) []byte { return strconv.AppendInt(dst, v, 10) })
	}
	dst = strconv.AppendInt(append(dst, `,"catalog_version":`...), resp.GetCatalogVersion(), 10)
	if id := resp.GetRequestId(); id != "" {
		dst = schema.AppendValue(append(dst, `,"request_id":`...), id)
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

func appendColumns(dst []byte, columns []*larderv1.Column) []byte {
	return appendList(dst, columns, func(dst []byte, c *larderv1.Column) []byte {
		dst = schema.AppendValue(append(dst, `{"name":`...), c.GetName())
		dst = appendValues(append(dst, `,"values":`...), c)
		dst = appendList(append(dst, `,"statuses":`...), c.GetStatuses(), appendStatus)
		return append(dst, '}')
	})
}

func appendReads(dst []byte, reads []*larderv1.ViewRead) []byte {
	return appendList(dst, reads, func(dst []byte, r *larderv1.ViewRead) []byte {
		dst = schema.AppendValue(append(dst, `{"feature_view":`...), r.GetFeatureView())
		dst = appendList(append(dst, `,"statuses":`...), r.GetStatuses(), appendStatus)
		dst = appendList(append(dst, `,"ages_us":`...), r.GetAges(), func(dst []byte, age int64) []byte { return strconv.AppendInt(dst, age, 10) })
		return append(dst, '}')
	})
}

func appendStatus(dst []byte, s larderv1.Status) []byte {
	dst = append(append(dst, '"'), strings.TrimPrefix(s.String(), "STATUS_")...)
	return append(dst, '"')
}

// appendValues appends the values of a column, nulls as null.
func appendValues(dst []byte, c *larderv1.Column) []byte {
	values, nulls := vectorColumn(c), c.GetNulls()
	dst = append(dst, '[')
	for r := range values.Len() {
		if r > 0 {
			dst = append(dst, ',')
		}
		switch {
		case len(nulls) > 0 && int(nulls[0]) == r:
			nulls = nulls[1:]
			dst = append(dst, "null"...)
		case values.Type.IsList():
			dst = appendListValue(dst, &values, r)
		default:
			dst = appendScalarJSON(dst, &values, r)
		}
	}
	return append(dst, ']')
}

func appendListValue(dst []byte, c *vector.Column, r int) []byte {
	start, end := c.List(r)
	dst = append(dst, '[')
	for i := start; i < end; i++ {
		if i > start {
			dst = append(dst, ',')
		}
		dst = appendScalarJSON(dst, c, int(i))
	}
	return append(dst, ']')
}

// appendScalarJSON appends value i of a column, or element i of all its lists.
func appendScalarJSON(dst []byte, c *vector.Column, i int) []byte {
	switch c.Type.Elem() {
	case schema.Bool:
		return schema.AppendValue(dst, c.Bools[i])
	case schema.Int32:
		return schema.AppendValue(dst, c.Int32s[i])
	case schema.Int64:
		return schema.AppendValue(dst, c.Int64s[i])
	case schema.Float32:
		return schema.AppendValue(dst, c.Float32s[i])
	case schema.Float64:
		return schema.AppendValue(dst, c.Float64s[i])
	case schema.String:
		return schema.AppendValue(dst, c.Strings[i])
	case schema.Bytes:
		return schema.AppendValue(dst, c.Bytes[i])
	}
	return schema.AppendValue(dst, time.UnixMicro(c.Int64s[i]))
}
