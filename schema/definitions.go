package schema

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"
)

// Definitions holds everything that a team declares, in the order of the files. Its
// JSON form has the keys of the YAML files.
type Definitions struct {
	// Project is the project that a folder belongs to; empty: the default project. What is
	// applied has the definitions of all projects, with their full names, and Project empty.
	Project string `json:"project,omitempty"`

	Entities        []Entity         `json:"entities,omitempty"`
	Sources         []Source         `json:"sources,omitempty"`
	Streams         []Stream         `json:"streams,omitempty"`
	FeatureViews    []FeatureView    `json:"feature_views,omitempty"`
	AggregateViews  []AggregateView  `json:"aggregate_views,omitempty"`
	OnDemandViews   []OnDemandView   `json:"on_demand_views,omitempty"`
	FeatureServices []FeatureService `json:"feature_services,omitempty"`
	Models          []Model          `json:"models,omitempty"`
	Roles           []Role           `json:"roles,omitempty"`
	Bindings        []Binding        `json:"bindings,omitempty"`
}

// IsEmpty reports whether nothing is defined.
func (d *Definitions) IsEmpty() bool {
	return len(d.Entities)+len(d.Sources)+len(d.Streams)+len(d.FeatureViews)+len(d.AggregateViews)+len(d.OnDemandViews)+len(d.FeatureServices)+len(d.Models)+len(d.Roles)+len(d.Bindings) == 0
}

// An Entity is a thing with a key, such as a customer.
type Entity struct {
	Name        string            `json:"name"`
	JoinKeys    []JoinKey         `json:"join_keys"`
	Description string            `json:"description,omitempty"`
	Owner       string            `json:"owner,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// A JoinKey is one typed column of an entity's key.
type JoinKey struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
}

// A Source is a Postgres table or query with an event time.
type Source struct {
	Name  string `json:"name"`
	Table string `json:"table,omitempty"` // either Table or Query
	Query string `json:"query,omitempty"`

	// TimestampField is the column of the event time: when a fact was true.
	TimestampField string `json:"timestamp_field"`
	// CreatedTimestampColumn is the column of the ingest time: when the row
	// arrived. Empty when the source has none.
	CreatedTimestampColumn string `json:"created_timestamp_column,omitempty"`
	// TimeZone is the IANA zone of time columns without a zone. If it is empty, such
	// columns are refused.
	TimeZone string `json:"time_zone,omitempty"`
	// DeletedColumn is a boolean column; a true there is a tombstone.
	DeletedColumn string `json:"deleted_column,omitempty"`
	// TieColumn is a text column; of rows with the same key and times, that with the greatest
	// text wins. Only the log of a stream has one.
	TieColumn string `json:"-"`

	// Lateness is how far behind the watermark an incremental run reads again. Without
	// an ingest time it is how late rows arrive; with one, how long the transactions
	// that write them take. Nil means 1m with an ingest time, else 0.
	Lateness *Duration `json:"lateness,omitempty"`

	OnBadRow    OnBadRow `json:"on_bad_row,omitempty"`    // what a run does with a bad row; empty means skip
	MaxBadShare *float64 `json:"max_bad_share,omitempty"` // share of a run's rows that skip tolerates, 0 to 1; nil means 0.01

	// Forget lets larder forget delete rows from Table. Otherwise it prints the statement.
	Forget bool `json:"forget,omitempty"`

	Description string            `json:"description,omitempty"`
	Owner       string            `json:"owner,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// OnBadRow says what a run does with a row that can't be stored.
type OnBadRow string

// The values of OnBadRow.
const (
	SkipBadRow OnBadRow = "skip" // count it, and go on until MaxBadShare
	FailBadRow OnBadRow = "fail" // fail the run at the first bad row
)

// A FeatureView is a named set of features of one entity, or of a combination of
// entities, from one source or from the events of one stream: the newest event of a key
// is its row.
type FeatureView struct {
	Name        string            `json:"name"`
	Entities    []string          `json:"entities"`           // their join keys, in this order, select a row
	Source      string            `json:"source,omitempty"`   // either Source or Stream
	Stream      string            `json:"stream,omitempty"`   // its fields are the features and join keys
	TTL         Duration          `json:"ttl,omitempty"`      // age past which a row counts as missing; 0 means never
	Schedule    Duration          `json:"schedule,omitempty"` // how often to materialize; 0 means only on request
	KeepOld     *Duration         `json:"keep_old,omitempty"` // how long rows stay when a change needs new ones; see [FeatureView.KeptOld]
	MaxRun      Duration          `json:"max_run,omitempty"`  // how long one run may take; see [FeatureView.LongestRun]
	Features    []Feature         `json:"features"`
	Expect      *Expectations     `json:"expect,omitempty"` // of the rows of the source; nil: nothing
	Description string            `json:"description,omitempty"`
	Owner       string            `json:"owner,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// DefaultMaxRun is how long a run of a view may take if its definition doesn't say.
const DefaultMaxRun = Duration(time.Hour)

// LongestRun returns how long a run may take. Past it the run ends, so that a query that
// never answers doesn't keep other views from being materialized.
func (v *FeatureView) LongestRun() Duration { return cmp.Or(v.MaxRun, DefaultMaxRun) }

// DefaultKeepOld is how long the rows of a view stay that a change of the view, or its
// removal, has put out of use.
const DefaultKeepOld = Duration(time.Hour)

// KeptOld returns how long rows that are out of use stay. Until then, going back to the
// definitions before finds them.
func (v *FeatureView) KeptOld() Duration {
	if v.KeepOld == nil {
		return DefaultKeepOld
	}
	return *v.KeepOld
}

// A Feature is one typed column of a view, or one value of a request.
type Feature struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
	// Default is the value for every status except PRESENT, in the Go form of
	// [ParseValue]; nil means null.
	Default any `json:"default,omitempty"`
	// Sensitive: reading its value needs the right read_sensitive. Models get it in any case.
	Sensitive   bool              `json:"sensitive,omitempty"`
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// UnmarshalJSON reads a feature; the type says how to read the default.
func (f *Feature) UnmarshalJSON(raw []byte) error {
	type plain Feature
	var v struct {
		*plain
		Default json.RawMessage `json:"default"`
	}
	v.plain = (*plain)(f)
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	f.Default = nil
	if v.Default == nil {
		return nil
	}
	var err error
	if f.Default, err = ParseValue(f.Type, v.Default); err != nil {
		return fmt.Errorf("default of feature %q: %w", f.Name, err)
	}
	return nil
}

// MarshalJSON writes a feature as UnmarshalJSON reads it.
func (f Feature) MarshalJSON() ([]byte, error) {
	type plain Feature
	v := struct {
		plain
		Default json.RawMessage `json:"default,omitempty"`
	}{plain: plain(f)}
	if f.Default != nil {
		v.Default = AppendValue(nil, f.Default)
	}
	return json.Marshal(v)
}

// An OnDemandView holds features that are computed on request.
type OnDemandView struct {
	Name        string            `json:"name"`
	Request     []Feature         `json:"request,omitempty"` // values that every request must send
	Sources     []string          `json:"sources,omitempty"` // the feature views and on-demand views that it reads
	Features    []OnDemandFeature `json:"features"`
	Description string            `json:"description,omitempty"`
	Owner       string            `json:"owner,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// An OnDemandFeature is one expression over request values and features.
type OnDemandFeature struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
	Expr string `json:"expr"` // in CEL; see docs/expressions.md
	// Default replaces a null result, in the Go form of [ParseValue]; nil means
	// null.
	Default any `json:"default,omitempty"`
	// Sensitive is as that of [Feature]. What is computed from sensitive features is so too.
	Sensitive   bool              `json:"sensitive,omitempty"`
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// A FeatureService is the ordered list of features that one model reads. The
// order is a contract.
type FeatureService struct {
	Name string `json:"name"`
	// Request declares values that the request sends and the model gets unchanged.
	// Features names them request:NAME.
	Request []Feature `json:"request,omitempty"`
	// Features are references: VIEW:FEATURE, VIEW:* for all of a view in its
	// order, request:NAME.
	Features    []string          `json:"features"`
	Description string            `json:"description,omitempty"`
	Owner       string            `json:"owner,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// A Model scores the features of one feature service. It has versions.
type Model struct {
	Name           string            `json:"name"`
	FeatureService string            `json:"feature_service"`
	Versions       []ModelVersion    `json:"versions,omitempty"`
	MLflow         *MLflowAlias      `json:"mlflow,omitempty"`     // another place that versions come from; nil: none
	Inputs         []ModelInput      `json:"inputs,omitempty"`     // of the files, where their names don't say which features feed them
	Serve          int64             `json:"serve,omitempty"`      // the version that serves; 0 means the only one
	OnMissing      OnMissing         `json:"on_missing,omitempty"` // empty means default
	Log            *ModelLog         `json:"log,omitempty"`        // nil: no requests are logged
	Monitor        *ModelMonitor     `json:"monitor,omitempty"`    // nil: all is watched, as far as there is time
	Traffic        []VersionWeight   `json:"traffic,omitempty"`    // replaces Serve when several versions serve; the first is the control
	SplitBy        string            `json:"split_by,omitempty"`   // with Traffic: a join key or request value
	Salt           string            `json:"salt,omitempty"`       // hashed before the value of SplitBy; empty means the model's name
	Shadow         []int64           `json:"shadow,omitempty"`     // versions that score logged requests; their scores are not returned
	Ramp           *Ramp             `json:"ramp,omitempty"`
	Labels         *Labels           `json:"labels,omitempty"`    // what later turned out to be true; nil: no labels
	Limits         *ModelLimits      `json:"limits,omitempty"`    // nil: the defaults
	Batching       *Batching         `json:"batching,omitempty"`  // nil: each request is scored by itself
	Providers      []Provider        `json:"providers,omitempty"` // the first available one runs the model; empty means cpu
	Rollout        Rollout           `json:"rollout,omitempty"`   // empty: files decide what serves until a command does
	Isolation      Isolation         `json:"isolation,omitempty"` // empty means a process of its own only where the model needs it
	Description    string            `json:"description,omitempty"`
	Owner          string            `json:"owner,omitempty"`
	Tags           map[string]string `json:"tags,omitempty"`
}

// Isolation says where a model runs.
type Isolation string

// ProcessIsolation gives a model a process of its own.
const ProcessIsolation Isolation = "process"

// A ModelLog says which requests of a model are logged, with the vectors that the
// model got, on servers that keep a feature log.
type ModelLog struct {
	Rate float64 `json:"rate"` // share of the requests, above 0 and at most 1
}

// OnMissing says what happens when a model's input value is not present.
type OnMissing string

// The values of OnMissing.
const (
	DefaultOnMissing OnMissing = "default" // the feature's default or null goes to the model
	FailOnMissing    OnMissing = "fail"    // the request fails, naming the feature and the key
)

// A ModelVersion is one trained model file.
type ModelVersion struct {
	Version int64 `json:"version"`
	// ONNX is the path of the file below the definitions folder. It is empty when the
	// registry already has the file under its SHA256.
	ONNX   string `json:"onnx,omitempty"`
	SHA256 string `json:"sha256"` // of the file, in hex
	// Output names the output tensor that holds the score. Column is the column of it,
	// from 0. If they are empty and nil, Larder chooses them and apply prints the choice.
	Output string `json:"output,omitempty"`
	Column *int   `json:"column,omitempty"`
	// Dataset is the id of the training set that the model was trained on; empty when
	// unknown.
	Dataset string `json:"dataset,omitempty"`
	// Metrics and Tags describe the version; whoever added it sets them.
	Metrics map[string]float64 `json:"metrics,omitempty"`
	Tags    map[string]string  `json:"tags,omitempty"`
	// From is how the version was added; empty for a folder of definitions.
	From VersionOrigin `json:"from,omitempty"`
}
