package featurelog

import (
	"strings"

	"larder/monitor"
)

// An entry is a request as it is written.
type entry struct {
	*monitor.Scored
	overridden []string // of Request, what goes over stored values
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
