package featurelog

import (
	"strings"

	"larder/monitor"
)

// An entry is a request to write.
type entry struct {
	*monitor.Scored
	overridden []string // the columns of Request that override stored values
}

func newEntry(s *monitor.Scored) *entry {
	e := &entry{Scored: s}
	for _, name := range s.Request.Names {
		if strings.Contains(name, ":") {
			e.overridden = append(e.overridden, name)
		}
	}
	return e
}
