package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The limits on how the traffic of a model is split.
const (
	MaxVersionsInTraffic = 16
	MaxShadows           = 4
	MinRamp              = Duration(time.Second)
	MaxGuardWindow       = Duration(time.Hour)
)

// Percent is a share in hundredths, from 0 to 100 with at most two decimals.
type Percent float64

// Buckets returns how many of 10,000 buckets the share has.
func (p Percent) Buckets() int { return int(math.Round(float64(p) * 100)) }

// exact reports whether the share is a whole number of buckets.
func (p Percent) exact() bool {
	return p >= 0 && p <= 100 && math.Abs(float64(p)*100-math.Round(float64(p)*100)) < 1e-6
}

// Ratio is a limit as a multiple of another value.
type Ratio float64

// A VersionWeight is the share of the split values that go to one version of a model.
type VersionWeight struct {
	Version int64   `json:"version"`
	Weight  Percent `json:"weight"`
}

// A Ramp raises the weight of a version from From to To, evenly over Over. The weight of
// the control, which is the first version of the traffic, falls by the same amount.
type Ramp struct {
	Version int64    `json:"version"`
	From    Percent  `json:"from"`
	To      Percent  `json:"to"`
	Over    Duration `json:"over"`
	Guards  *Guards  `json:"guards,omitempty"` // nil: nothing is watched
}

// Guards compare the requests of a ramp's version with those of the control, on each
// server. A guard that trips sends all of the version's traffic to the control. A guard
// of 0 is off.
type Guards struct {
	ErrorShare    float64  `json:"error_share,omitempty"`    // how much larger the share of failed requests may be: 0.01 is one in a hundred
	LatencyRatio  Ratio    `json:"latency_ratio,omitempty"`  // how many times the control's 99th percentile scoring time is allowed
	ScoreDistance float64  `json:"score_distance,omitempty"` // the largest Kolmogorov-Smirnov distance between the score distributions
	MissingShare  float64  `json:"missing_share,omitempty"`  // how much larger the share of missing rows may be
	Window        Duration `json:"window,omitempty"`         // how far back requests count; 0 means 5m
	MinRequests   int      `json:"min_requests,omitempty"`   // of each version before a guard may trip; 0 means 200
}

// A colon separates the salt from the value.
var saltPattern = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)

// The defaults of guards.
const (
	DefaultGuardWindow = Duration(5 * time.Minute)
	DefaultMinRequests = 200
)

// Splits reports whether several versions of the model serve.
func (m *Model) Splits() bool { return len(m.Traffic) > 0 }

// A Rollout says who decides which versions of a model serve.
type Rollout string

// The values of Rollout. Without one, files decide until a command does.
const (
	CommandsDecide Rollout = "commands" // a command has decided: applying files leaves the routing as it is
	FileDecides    Rollout = "file"     // applying files always sets the routing
)

// A Routing says which versions of a model score which requests.
type Routing struct {
	Serve         int64
	Traffic       []VersionWeight
	SplitBy, Salt string
	Ramp          *Ramp
	Shadow        []int64
}

// IsZero reports whether nothing is said: a model with one version needs no routing.
func (r Routing) IsZero() bool { return reflect.ValueOf(r).IsZero() }

// Routing returns the model's routing.
func (m *Model) Routing() Routing {
	return Routing{m.Serve, m.Traffic, m.SplitBy, m.Salt, m.Ramp, m.Shadow}
}

// Route sets the model's routing.
func (m *Model) Route(r Routing) {
	m.Serve, m.Traffic, m.SplitBy, m.Salt, m.Ramp, m.Shadow = r.Serve, r.Traffic, r.SplitBy, r.Salt, r.Ramp, r.Shadow
}

// SplitSalt returns what is hashed before the split values.
func (m *Model) SplitSalt() string {
	if m.Salt != "" {
		return m.Salt
	}
	return m.Name
}

// RolloutID identifies the ramp of the model: changing anything in it starts a new ramp.
// It is empty without a ramp.
func (m *Model) RolloutID() string {
	if m.Ramp == nil {
		return ""
	}
	of := struct {
		Model, Challenger, Control string
		Version                    int64
		From, To                   Percent
		Over                       Duration
	}{m.Name, m.fileOf(m.Ramp.Version), m.fileOf(m.Traffic[0].Version), m.Ramp.Version, m.Ramp.From, m.Ramp.To, m.Ramp.Over}
	raw, err := json.Marshal(of)
	if err != nil {
		panic(fmt.Sprintf("schema: a ramp that has no JSON: %v", err))
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16])
}

func (m *Model) fileOf(version int64) string {
	at := slices.IndexFunc(m.Versions, func(v ModelVersion) bool { return v.Version == version })
	return m.Versions[at].SHA256
}

// traffic checks how requests are split among versions of a model; have are its
// versions.
func (v *validator) traffic(path string, m *Model, have map[int64]bool) {
	if m.Serve != 0 {
		v.addf(path+".serve", "model %q has both serve and traffic; leave out serve (the first version of the traffic is the control)", m.Name)
	}
	if len(m.Traffic) > MaxVersionsInTraffic {
		v.addf(path+".traffic", "the traffic of model %q has %d versions; use at most %d", m.Name, len(m.Traffic), MaxVersionsInTraffic)
	}
	sum, seen := 0, map[int64]bool{}
	for i, w := range m.Traffic {
		at := fmt.Sprintf("%s.traffic[%d]", path, i)
		v.hasVersion(at+".version", m, "to send traffic to", w.Version, have)
		if seen[w.Version] {
			v.addf(at+".version", "the traffic of model %q lists version %d twice; remove one", m.Name, w.Version)
		}
		seen[w.Version] = true
		v.percent(at+".weight", m, "a weight", w.Weight)
		sum += w.Weight.Buckets()
	}
	if sum != 100*100 {
		v.addf(path+".traffic", "the weights of model %q add up to %v; they are percents and must add up to 100", m.Name, float64(sum)/100)
	}
	if m.Salt != "" && !saltPattern.MatchString(m.Salt) {
		v.addf(path+".salt", "model %q: salt must be at most 128 letters, digits, _, . and -, not %q", m.Name, m.Salt)
	}
	v.splitBy(path, m)
}

func (v *validator) percent(path string, m *Model, noun string, p Percent) {
	if !p.exact() {
		v.addf(path, "model %q: %s must be a percent from 0 to 100 with at most two decimals, not %v", m.Name, noun, float64(p))
	}
}

func (v *validator) hasVersion(path string, m *Model, what string, version int64, have map[int64]bool) {
	if !have[version] {
		v.danglef(path, "model %q has no version %d %s; it has %s", m.Name, version, what, versionList(m))
	}
}

// splitBy checks the key or value that the traffic is split by.
func (v *validator) splitBy(path string, m *Model) {
	s := v.services[m.FeatureService]
	if s == nil {
		return // reported elsewhere
	}
	types := v.sentWith(s)
	t, found := types[m.SplitBy]
	switch {
	case m.SplitBy == "" && len(types) == 0 && !v.readsForeign(s):
		v.addf(path+".split_by", "the traffic of model %q has no split_by; write split_by: and a join key or request value", m.Name)
	case m.SplitBy == "":
		v.addf(path+".split_by", "the traffic of model %q has no split_by; write split_by: and one of %s", m.Name, strings.Join(slices.Sorted(maps.Keys(types)), ", "))
	case !found:
		v.unsentf(s, path+".split_by", "requests for model %q send no %q to split by; %s", m.Name, m.SplitBy, Nearest(m.SplitBy, names(types)))
	case *t != String && !t.IsInteger():
		v.addf(path+".split_by", "model %q: split_by must be an int32, int64 or string, but %q is %s", m.Name, m.SplitBy, *t)
	}
}

// sentWith returns the types of the join keys and values that requests for a service
// send.
func (v *validator) sentWith(s *FeatureService) map[string]*Type {
	types, seen := map[string]*Type{}, map[string]bool{}
	request := func(all []Feature) {
		for i := range all {
			types[all[i].Name] = &all[i].Type
		}
	}
	request(s.Request)
	for _, ref := range s.Features {
		owner, _, _ := strings.Cut(ref, ":")
		v.closure(owner, seen, func(name string) {
			if o := v.onDemand[name]; o != nil {
				request(o.Request)
			}
			if view := v.views[name]; view != nil {
				for _, e := range view.Entities {
					v.keyTypes(e, types)
				}
			}
		})
	}
	return types
}

func (v *validator) keyTypes(entity string, types map[string]*Type) {
	if e := v.entities[entity]; e != nil {
		for i := range e.JoinKeys {
			types[e.JoinKeys[i].Name] = &e.JoinKeys[i].Type
		}
	}
}

// trafficOnly reports keys that have no meaning without traffic.
func (v *validator) trafficOnly(path string, m *Model) {
	for _, key := range []struct {
		name  string
		given bool
	}{{"split_by", m.SplitBy != ""}, {"salt", m.Salt != ""}, {"ramp", m.Ramp != nil}} {
		if key.given {
			v.addf(path+"."+key.name, "model %q has %s but no traffic; write traffic: [{version: ..., weight: 95}, {version: ..., weight: 5}]", m.Name, key.name)
		}
	}
}

// shadows checks the shadow versions.
func (v *validator) shadows(path string, m *Model, have map[int64]bool) {
	if len(m.Shadow) == 0 {
		return
	}
	if m.Log == nil {
		v.addf(path+".shadow", "model %q: shadow scores go to the feature log; write log: {rate: 1}", m.Name)
	}
	if len(m.Shadow) > MaxShadows {
		v.addf(path+".shadow", "model %q has %d shadows; use at most %d", m.Name, len(m.Shadow), MaxShadows)
	}
	for i, version := range m.Shadow {
		at := fmt.Sprintf("%s.shadow[%d]", path, i)
		v.hasVersion(at, m, "for a shadow", version, have)
		switch {
		case slices.Index(m.Shadow, version) < i:
			v.addf(at, "model %q lists shadow %d twice; remove one", m.Name, version)
		case version == m.Serve, slices.ContainsFunc(m.Traffic, func(w VersionWeight) bool { return w.Version == version }):
			v.addf(at, "version %d of model %q serves already; choose another version as shadow", version, m.Name)
		}
	}
}

// ramp checks a ramp and the weight that it leaves to the control.
func (v *validator) ramp(path string, m *Model) {
	r := m.Ramp
	at := slices.IndexFunc(m.Traffic, func(w VersionWeight) bool { return w.Version == r.Version })
	v.percent(path+".from", m, "from", r.From)
	v.percent(path+".to", m, "to", r.To)
	switch {
	case at < 0:
		v.danglef(path+".version", "model %q: version %d has a ramp but is not in the traffic; it has %s", m.Name, r.Version, versionList(m))
	case at == 0:
		v.addf(path+".version", "model %q: version %d is the control (the first of the traffic); ramp another version", m.Name, r.Version)
	case m.Traffic[at].Weight.Buckets() != r.From.Buckets():
		v.addf(path+".from", "model %q: the ramp starts from %v, but version %d has weight %v in the traffic; use the same number", m.Name, float64(r.From), r.Version, float64(m.Traffic[at].Weight))
	case r.To.Buckets()-r.From.Buckets() > m.Traffic[0].Weight.Buckets():
		v.addf(path+".to", "model %q: the ramp takes %v from the control, which has only %v; choose a lower ramp.to", m.Name, float64(r.To-r.From), float64(m.Traffic[0].Weight))
	}
	if r.To <= r.From {
		v.addf(path+".to", "model %q: a ramp must go up, not from %v to %v", m.Name, float64(r.From), float64(r.To))
	}
	if r.Over < MinRamp {
		v.addf(path+".over", "model %q: ramp.over must be 1s or longer, not %s", m.Name, r.Over)
	}
	if r.Guards != nil {
		v.guards(path+".guards", m, r.Guards)
	}
}

func (v *validator) guards(path string, m *Model, g *Guards) {
	shares := []struct {
		key   string
		value float64
	}{{"error_share", g.ErrorShare}, {"score_distance", g.ScoreDistance}, {"missing_share", g.MissingShare}}
	for _, s := range shares {
		if !(s.value >= 0 && s.value < 1) {
			v.addf(path+"."+s.key, "model %q: %s must be from 0 (off) to below 1, not %v", m.Name, s.key, s.value)
		}
	}
	if g.LatencyRatio != 0 && !(g.LatencyRatio >= 1) {
		v.addf(path+".latency_ratio", "model %q: latency_ratio must be 1 or more, not %v; it is a multiple of the control's time", m.Name, float64(g.LatencyRatio))
	}
	if g.ErrorShare == 0 && g.ScoreDistance == 0 && g.MissingShare == 0 && g.LatencyRatio == 0 {
		v.addf(path, "model %q: guards is empty; write error_share, latency_ratio, score_distance or missing_share, or leave out guards", m.Name)
	}
	if g.Window < 0 || g.Window > MaxGuardWindow {
		v.addf(path+".window", "model %q: guards.window must be at most 1h, not %s", m.Name, g.Window)
	}
	if g.MinRequests < 0 || g.MinRequests > MaxGuardRequests {
		v.addf(path+".min_requests", "model %q: min_requests must be from 0 to %d, not %d", m.Name, MaxGuardRequests, g.MinRequests)
	}
}

// MaxGuardRequests is how many requests of each version guards compare: the newest ones
// in the window.
const MaxGuardRequests = 2048
