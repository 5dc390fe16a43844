package access

import "strings"

// An Action is something that callers do, and that roles allow.
type Action string

// The actions of roles.
const (
	Read          Action = "read"           // features
	ReadSensitive Action = "read_sensitive" // values of features that are marked sensitive
	Score         Action = "score"          // with a model
	Train         Action = "train"          // training sets, rows of the history, the feature log
	Push          Action = "push"           // events to streams, model files and versions
	Apply         Action = "apply"          // definitions
	Promote       Action = "promote"        // the version that answers, and its traffic
	Operate       Action = "operate"        // materialize, verify, snapshots, streams
	Observe       Action = "observe"        // status, metrics, reports
	Forget        Action = "forget"         // an entity, everywhere
	Admin         Action = "admin"          // keys, roles, bindings, the audit trail
)

// A Kind is a kind of resource.
type Kind string

// The kinds of resources.
const (
	Definitions Kind = "definitions"
	Dataset     Kind = "dataset"
	Entity      Kind = "entity"
	Stream      Kind = "stream"
	Model       Kind = "model"
	Run         Kind = "run"
	Service     Kind = "service" // a feature service
	View        Kind = "view"    // a feature view; or VIEW:FEATURE, a feature of one
)

// A Resource is what an action is on. Without a name it stands for all resources of its
// kind. The zero Resource is the server. Nobody has checked the name: no resource of that
// name may exist.
type Resource struct {
	Kind Kind
	Name string
}

// String returns KIND:NAME.
func (r Resource) String() string {
	switch {
	case r.Kind == "":
		return "the server"
	case r.Name == "":
		return "every " + string(r.Kind)
	}
	return string(r.Kind) + ":" + r.Name
}

// ParseResource reads KIND:NAME, KIND:* for every resource of a kind, or server.
func ParseResource(s string) Resource {
	if s == "server" {
		return Resource{}
	}
	kind, name, _ := strings.Cut(s, ":")
	if name == "*" {
		name = ""
	}
	return Resource{Kind(kind), name}
}
