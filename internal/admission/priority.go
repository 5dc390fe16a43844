package admission

// A Priority says which requests are refused first when there are too many: those of the
// lowest. The zero Priority is Default.
type Priority int8

// The priorities, from the first that is refused to the last.
const (
	Shadow   Priority = iota - 2 // copies of requests; nobody waits for their answers
	Batch                        // jobs that try again later
	Default                      // what nobody said anything about
	Critical                     // what must be answered
)

const priorities = 4

var priorityNames = [priorities]string{"shadow", "batch", "default", "critical"}

// String returns the priority's name in headers and metrics.
func (p Priority) String() string { return priorityNames[p.index()] }

// index returns the place of a priority in tables: 0 is Shadow.
func (p Priority) index() int { return int(min(max(p, Shadow), Critical) - Shadow) }

// ParsePriority returns the priority of a name; false when there is none of that name.
func ParsePriority(name string) (Priority, bool) {
	for i, n := range priorityNames {
		if n == name {
			return Priority(i) + Shadow, true
		}
	}
	return Default, false
}
