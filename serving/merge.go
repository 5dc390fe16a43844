package serving

import (
	larderv1 "larder/api/larder/v1"
	"larder/schema"
	"larder/vector"
)

// pickAll returns columns of some rows of others.
func pickAll(from vector.Columns, rows []int) vector.Columns {
	out := vector.Columns{Names: append([]string(nil), from.Names...)}
	for i := range from.Values {
		column := vector.Column{Type: from.Values[i].Type}
		for _, row := range rows {
			appendRow(&column, &from.Values[i], row)
			if valid := from.Values[i].Valid; valid != nil {
				column.Valid = append(column.Valid, valid[row])
			}
		}
		out.Values = append(out.Values, column)
	}
	return out
}

// appendRow appends a row of a column of the same type, but for whether it is null.
func appendRow(to, from *vector.Column, row int) {
	first, end := uint32(row), uint32(row+1)
	if from.Type.IsList() {
		first, end = from.List(row)
	}
	switch from.Type.Elem() {
	case schema.Bool:
		to.Bools = append(to.Bools, from.Bools[first:end]...)
	case schema.Int32:
		to.Int32s = append(to.Int32s, from.Int32s[first:end]...)
	case schema.Int64, schema.Timestamp:
		to.Int64s = append(to.Int64s, from.Int64s[first:end]...)
	case schema.Float32:
		to.Float32s = append(to.Float32s, from.Float32s[first:end]...)
	case schema.Float64:
		to.Float64s = append(to.Float64s, from.Float64s[first:end]...)
	case schema.String:
		to.Strings = append(to.Strings, from.Strings[first:end]...)
	case schema.Bytes:
		to.Bytes = append(to.Bytes, from.Bytes[first:end]...)
	}
	if from.Type.IsList() {
		last := uint32(0)
		if n := len(to.Ends); n > 0 {
			last = to.Ends[n-1]
		}
		to.Ends = append(to.Ends, last+end-first)
	}
}

// An origin says which row of which group a row of a merged answer comes from.
type origin struct{ group, row int }

// merge puts the answers of groups together, in the order of the request's rows.
func merge(groups []group) *larderv1.GetFeaturesAndScoreResponse {
	rows := 0
	for i := range groups {
		rows += len(groups[i].rows)
	}
	origins := make([]origin, rows)
	for i := range groups {
		for j, row := range groups[i].rows {
			origins[row] = origin{i, j}
		}
	}
	out := &larderv1.GetFeaturesAndScoreResponse{
		CatalogVersion: groups[0].answer.GetCatalogVersion(), RequestId: groups[0].answer.GetRequestId(),
		Scores: make([]float64, rows), ModelVersions: make([]int64, rows),
	}
	for row, from := range origins {
		answer := groups[from.group].answer
		out.Scores[row], out.ModelVersions[row] = answer.GetScores()[from.row], answer.GetModelVersion()
	}
	out.ModelVersion = out.ModelVersions[0]
	for view := range groups[0].answer.GetReads() {
		out.Reads = append(out.Reads, mergeReads(groups, origins, view))
	}
	out.Features = mergeFeatures(groups, origins)
	return out
}

func mergeReads(groups []group, origins []origin, view int) *larderv1.ViewRead {
	out := &larderv1.ViewRead{
		FeatureView: groups[0].answer.GetReads()[view].GetFeatureView(),
		Statuses:    make([]larderv1.Status, len(origins)), Ages: make([]int64, len(origins)),
	}
	for row, from := range origins {
		read := groups[from.group].answer.GetReads()[view]
		out.Statuses[row], out.Ages[row] = read.GetStatuses()[from.row], read.GetAges()[from.row]
	}
	return out
}

// mergeFeatures merges the columns of the features; nil when none were asked for.
func mergeFeatures(groups []group, origins []origin) []*larderv1.Column {
	if groups[0].answer.Features == nil {
		return nil
	}
	columns := make([]*larderv1.Column, len(groups[0].answer.GetFeatures()))
	values := make([]vector.Column, len(columns))
	parts, nulls := make([]vector.Column, len(groups)), make([][]uint32, len(groups))
	for i := range columns {
		columns[i] = &larderv1.Column{Name: groups[0].answer.GetFeatures()[i].GetName()}
		for g := range groups {
			column := groups[g].answer.GetFeatures()[i]
			parts[g], nulls[g] = vectorColumn(column), column.GetNulls()
		}
		values[i].Type = parts[0].Type
		for row, from := range origins {
			appendRow(&values[i], &parts[from.group], from.row)
			columns[i].Statuses = append(columns[i].Statuses, groups[from.group].answer.GetFeatures()[i].GetStatuses()[from.row])
			if n := nulls[from.group]; len(n) > 0 && int(n[0]) == from.row {
				columns[i].Nulls, nulls[from.group] = append(columns[i].Nulls, uint32(row)), n[1:]
			}
		}
	}
	boxes := newBoxes(values)
	for i := range columns {
		boxes.put(columns[i], values[i].Type, &values[i])
	}
	return columns
}
