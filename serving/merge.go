package serving

import (
	"larder/column"
	"larder/schema"
)

// An origin says which row of which group a row of a merged answer comes from.
type origin struct{ group, row int }

// merge puts the answers of groups together, in the order of the request's rows. What
// it returns shares no memory with them but the values of texts.
func merge(groups []group) (*Answer, error) {
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
	first := groups[origins[0].group].answer
	out := &Answer{
		Rows: rows, RequestID: first.RequestID, shape: first.shape,
		Versions: make([]int64, rows),
	}
	var err error
	if out.Outputs, err = mergeOutputs(groups, origins); err != nil {
		return nil, err
	}
	for row, from := range origins {
		answer := groups[from.group].answer
		if (answer.Scores == nil) != (first.Scores == nil) {
			return nil, schema.NoScore.Errorf("version %d of model %q has a score, and another version that answers rows of this request has none; "+
				"name its output: and column:, or ask for a model_version", answer.Plan().ModelVersion.Version, answer.Plan().Model.Name)
		}
		if answer.Scores != nil {
			out.Scores = append(out.Scores, answer.Scores[from.row])
		}
		out.Versions[row] = answer.Plan().ModelVersion.Version
	}
	for view := range first.Plan().Views {
		for _, from := range origins {
			answer := groups[from.group].answer
			out.statuses = append(out.statuses, answer.Statuses(view)[from.row])
			out.ages = append(out.ages, answer.Ages(view)[from.row])
		}
	}
	for i := range first.Features {
		merged := column.Column{Type: first.Features[i].Type, Statuses: make([]schema.Status, 0, rows)}
		for _, from := range origins {
			merged.AppendRow(&groups[from.group].answer.Features[i], from.row)
		}
		out.Features = append(out.Features, merged)
	}
	return out, nil
}
