package feast

import "slices"

// A Line of the report says what differs from the repository, and what to do.
type Line struct {
	Kind string `json:"kind"` // such as "source" or "on-demand view"
	Name string `json:"name"` // in Feast; empty: all of the kind
	What string `json:"what"`
	Do   string `json:"do"`
}

// The kinds of what a line is about.
const (
	kindRepository = "repository"
	kindEntity     = "entity"
	kindSource     = "source"
	kindView       = "feature view"
	kindOnDemand   = "on-demand view"
	kindService    = "feature service"
)

// report adds a line, once.
func (i *importer) report(kind, name, what, do string) {
	line := Line{Kind: kind, Name: name, What: what, Do: do}
	if !i.said[line] {
		i.said[line] = true
		i.result.Report = append(i.result.Report, line)
	}
}

// sortReport puts lines about the same kind together.
func (i *importer) sortReport() {
	kinds := []string{kindRepository, kindSource, kindEntity, kindView, kindOnDemand, kindService}
	rank := func(kind string) int {
		if at := slices.Index(kinds, kind); at >= 0 {
			return at
		}
		return len(kinds)
	}
	slices.SortStableFunc(i.result.Report, func(a, b Line) int { return rank(a.Kind) - rank(b.Kind) })
}
