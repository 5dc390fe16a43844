package feast

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"larder/schema"
)

// leaveOutFaults turns definitions that Larder would refuse into comments, until all that
// is left is valid.
func (i *importer) leaveOutFaults() {
	for {
		var problems schema.Problems
		if err := i.result.Definitions.Validate(); err == nil || !errors.As(err, &problems) || !i.leaveOutFaulty(problems) {
			break
		}
	}
}

// leaveOutFaulty leaves out the definitions that problems are about.
func (i *importer) leaveOutFaulty(problems schema.Problems) bool {
	why := map[string]map[int][]string{}
	for _, p := range problems {
		key, at, ok := definitionOf(p.Path)
		if !ok {
			return false
		}
		if why[key] == nil {
			why[key] = map[int][]string{}
		}
		why[key][at] = append(why[key][at], p.Message)
	}
	d := i.result.Definitions
	d.Entities = without(i, "entities", kindEntity, d.Entities, why, func(x schema.Entity) string { return x.Name })
	d.Sources = without(i, "sources", kindSource, d.Sources, why, func(x schema.Source) string { return x.Name })
	d.FeatureViews = without(i, "feature_views", kindView, d.FeatureViews, why, func(x schema.FeatureView) string { return x.Name })
	d.OnDemandViews = without(i, "on_demand_views", kindOnDemand, d.OnDemandViews, why, func(x schema.OnDemandView) string { return x.Name })
	d.FeatureServices = without(i, "feature_services", kindService, d.FeatureServices, why, func(x schema.FeatureService) string { return x.Name })
	return true
}

func without[T any](i *importer, key, kind string, all []T, why map[string]map[int][]string, name func(T) string) []T {
	var left []T
	for n, x := range all {
		messages := why[key][n]
		if messages == nil {
			left = append(left, x)
			continue
		}
		slices.Sort(messages)
		messages = slices.Compact(messages)
		i.report(kind, name(x), "written as a comment: "+strings.Join(messages, "; "), fmt.Sprintf("correct it in %s.yaml and remove its #", key))
		i.leaveOut(key, messages, x)
	}
	return left
}

// definitionOf reads the path of a problem: feature_views[3].ttl is the definition 3 of
// feature_views.
func definitionOf(path string) (key string, at int, ok bool) {
	key, rest, found := strings.Cut(path, "[")
	number, _, closed := strings.Cut(rest, "]")
	at, err := strconv.Atoi(number)
	return key, at, found && closed && err == nil
}
