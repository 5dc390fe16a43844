package schema

import (
	"errors"
	"fmt"
	"slices"
)

// maxAllowed bounds the values that one feature may be expected to have.
const maxAllowed = 10_000

// expectations checks what a view expects.
func (v *validator) expectations(path string, view *FeatureView) {
	e := view.Expect
	if e == nil {
		return
	}
	if view.Stream != "" {
		v.addf(path, "feature view %q: expect is checked when rows are read from a source, and its rows are events of stream %q; leave it out", view.Name, view.Stream)
		return
	}
	all := []OnFailure{WarnOnFailure, KeepOnFailure, FailOnFailure}
	if e.OnFailure != "" && !slices.Contains(all, e.OnFailure) {
		v.addf(path+".on_failure", "on_failure must be warn, keep or fail, not %q", e.OnFailure)
	}
	if e.Rows == nil && e.FreshWithin == 0 && len(e.Features) == 0 {
		v.addf(path+".fresh_within", "feature view %q: expect expects nothing; write rows: {min: 1000}, fresh_within: 2h or features: [{name: amount, min: 0}]", view.Name)
	}
	if e.Rows != nil {
		v.expectedRows(path+".rows", view.Name, e.Rows)
	}
	seen := map[string]bool{}
	for i := range e.Features {
		f, at := &e.Features[i], fmt.Sprintf("%s.features[%d]", path, i)
		if seen[f.Name] {
			v.addf(at+".name", "feature view %q: expect has feature %q twice; write all of it in one place", view.Name, f.Name)
		}
		seen[f.Name] = true
		v.expectedFeature(at, view, f)
	}
}

func (v *validator) expectedRows(path, view string, r *ExpectedRows) {
	switch {
	case r.Min < 0:
		v.addf(path+".min", "feature view %q: rows.min must be 0 or more, not %d", view, r.Min)
	case r.Min == 0 && r.MaxChange == nil:
		v.addf(path+".min", "feature view %q: rows expects nothing; write min: 1000, or max_change: 0.5", view)
	}
	if c := r.MaxChange; c != nil && !(*c >= 0) {
		v.addf(path+".max_change", "feature view %q: rows.max_change must be 0 or more, not %v; 0.5 allows half as many rows more or less than the last time", view, float64(*c))
	}
}

func (v *validator) expectedFeature(path string, view *FeatureView, e *ExpectedFeature) {
	if e.Name == "" {
		v.addf(path, "feature view %q: expect has a feature without a name; write name: NAME", view.Name)
		return
	}
	at := slices.IndexFunc(view.Features, func(f Feature) bool { return f.Name == e.Name })
	if at < 0 {
		existing := make([]string, len(view.Features))
		for i, f := range view.Features {
			existing[i] = f.Name
		}
		v.danglef(path+".name", "feature view %q: expect: no feature %q; %s", view.Name, CutName(e.Name), Nearest(CutName(e.Name), existing))
		return
	}
	who := fmt.Sprintf("feature view %q: expect: feature %q", view.Name, e.Name)
	if !e.Bounded() && e.MaxNullShare == nil {
		v.addf(path+".min", "%s expects nothing; write min, max, in or max_null_share", who)
	}
	if !(e.MaxOutsideShare >= 0 && e.MaxOutsideShare <= 1) {
		v.addf(path+".max_outside_share", "max_outside_share must be a share from 0 to 1, not %v", e.MaxOutsideShare)
	} else if e.MaxOutsideShare != 0 && !e.Bounded() {
		v.addf(path+".max_outside_share", "%s has max_outside_share, but nothing to be outside of; write min, max or in", who)
	}
	if s := e.MaxNullShare; s != nil && !(*s >= 0 && *s <= 1) {
		v.addf(path+".max_null_share", "max_null_share must be a share from 0 to 1, not %v", *s)
	}
	v.bounds(path, who, view.Features[at].Type, e)
}

// bounds checks the range or the list of values of a feature of type t.
func (v *validator) bounds(path, who string, t Type, e *ExpectedFeature) {
	key, ranged := "min", e.Min != "" || e.Max != ""
	if e.Min == "" {
		key = "max"
	}
	switch elem := t.Elem(); {
	case !t.Valid():
		return // reported elsewhere
	case ranged && len(e.In) > 0:
		v.addf(path+".in", "%s has both a range and in; keep one", who)
		return
	case ranged && !elem.IsInteger() && !elem.IsFloat() && elem != Timestamp:
		v.addf(path+"."+key, "%s is %s, which has no range; list its values with in", who, t)
		return
	case len(e.In) > maxAllowed:
		v.addf(path+".in", "%s: in has %d values; list at most %d", who, len(e.In), maxAllowed)
		return
	}
	allowed, err := e.Allowed(t)
	var fault *boundError
	if errors.As(err, &fault) {
		v.addf(path+"."+fault.key, "%s: %v", who, err)
		return
	}
	if allowed.Min != nil && allowed.Max != nil && after(allowed.Min, allowed.Max) {
		v.addf(path+".min", "%s: min %s is more than max %s; swap them", who, e.Min, e.Max)
	}
}
