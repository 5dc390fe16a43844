package featurelog

import (
	"strings"

	"larder/column"
	"larder/monitor"
)

// An entry is a request to write.
type entry struct {
	*monitor.Scored
	overridden []string        // the columns of Request that override stored values
	outputs    []column.Column // one for each output, with an entry for each row
}

func newEntry(s *monitor.Scored) *entry {
	e := &entry{Scored: s}
	for i := range s.Outputs {
		e.outputs = append(e.outputs, s.Outputs[i].Column(s.Rows))
	}
	for _, name := range s.Request.Names {
		if strings.Contains(name, ":") {
			e.overridden = append(e.overridden, name)
		}
	}
	return e
}
