package schema

import (
	"fmt"
	"slices"
	"strings"
)

// A Kind says what a caller can do about an error.
type Kind uint8

// The closed list of kinds. internal/grpcserver maps each to a gRPC and an HTTP
// status.
const (
	Internal           Kind = iota // a fault of the server; the text stays in the log
	Invalid                        // the request can never succeed as sent
	NotFound                       // nothing has that name
	FailedPrecondition             // right request, wrong state: change the state first
	Exhausted                      // over a limit: send less, or later
	Unavailable                    // try again
)

var kindNames = [...]string{"internal", "invalid", "not found", "failed precondition", "exhausted", "unavailable"}

func (k Kind) String() string { return kindNames[k] }

// An Error is what a caller gets: the kind of failure, a reason for programs, and a
// message that names the thing and says what to do.
type Error struct {
	Kind    Kind
	Reason  Reason
	Message string // safe to send
	Err     error  // the cause; logged, never sent
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// A Problem is one fault in a set of definitions.
type Problem struct {
	Path    string // where, as in feature_views[2].features[0].default
	Message string // what is wrong and what would be right
	// Dangling marks a reference to something that doesn't exist. Another problem may
	// have caused it by keeping that thing from being read.
	Dangling bool
}

func (p Problem) String() string { return p.Path + ": " + p.Message }

// Problems is every fault found in a set of definitions at once.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, x := range p {
		lines[i] = x.String()
	}
	return strings.Join(lines, "\n")
}

// Nearest returns the remedy for a name that doesn't exist: the name that was probably
// meant, or what to use instead.
func Nearest(name string, existing []string) string {
	if len(existing) == 0 {
		return "there are none"
	}
	// Up to two letters may be wrong, more in a long name, but never all of them.
	best, bestDistance := "", min(max(3, len(name)/3+1), len(name))
	for _, x := range existing {
		if max(len(x)-len(name), len(name)-len(x)) >= bestDistance {
			continue // each letter too many is one of the distance
		}
		if d := editDistance(strings.ToLower(name), strings.ToLower(x)); d < bestDistance {
			best, bestDistance = x, d
		}
	}
	if best == "" {
		best = longer(name, existing)
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	if len(existing) == 1 {
		return "there is only " + existing[0]
	}
	return "use " + OneOf(existing)
}

// longer returns the one name that contains another of three letters or more; else "".
func longer(name string, existing []string) string {
	const least = 3
	if len(name) < least {
		return ""
	}
	found := ""
	for _, x := range existing {
		if !strings.Contains(strings.ToLower(x), strings.ToLower(name)) {
			continue
		}
		if found != "" {
			return ""
		}
		found = x
	}
	return found
}

// OneOf lists names to choose from: "a, b or c". It counts those beyond the eighth.
func OneOf(names []string) string {
	const most = 8
	sorted := slices.Compact(slices.Sorted(slices.Values(names)))
	switch n := len(sorted); {
	case n == 0:
		return "none"
	case n == 1:
		return sorted[0]
	case n == most+1:
		return strings.Join(sorted[:most], ", ") + " or 1 other"
	case n > most:
		return fmt.Sprintf("%s or %d others", strings.Join(sorted[:most], ", "), n-most)
	default:
		return strings.Join(sorted[:n-1], ", ") + " or " + sorted[n-1]
	}
}

// editDistance is the Damerau-Levenshtein distance with adjacent
// transpositions (optimal string alignment), in bytes.
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
