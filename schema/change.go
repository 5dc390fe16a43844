package schema

// A Change is one difference between two versions of the definitions.
type Change struct {
	Action Action
	Noun   string // as in "feature view"
	Name   string
	Field  string // as in features.txn_count_7d.type; empty when a whole definition is added or removed
	Before string // JSON; empty when there was none
	After  string // JSON; empty when there is none
	Effect string // what it means for stored rows and for requests; empty when nothing

	// Destroys holds the names of the definitions that it deletes, and of the views whose
	// rows it stores anew.
	Destroys []string
}

// An Action is what a change does.
type Action uint8

// The actions. The numbers are those of larder.v1.Change.Action.
const (
	Add Action = iota + 1
	Remove
	Modify
)
