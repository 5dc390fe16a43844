package feast

import (
	"fmt"
	"regexp"
	"strings"

	"larder/schema"
	"larder/schema/definitions"
)

// Files returns the definition files: one for each kind, or more where one would be
// larger than Larder reads.
func (r *Result) Files() ([]definitions.File, error) {
	files, err := definitions.Write(r.Definitions, r.Comments...)
	if err != nil {
		return nil, err
	}
	var out []definitions.File
	for _, f := range files {
		if len(f.Data) <= definitions.MaxFileBytes {
			out = append(out, f)
			continue
		}
		parts, err := r.split(strings.TrimSuffix(f.Name, ".yaml"), 2*len(f.Data)/definitions.MaxFileBytes+1)
		if err != nil {
			return nil, err
		}
		out = append(out, parts...)
	}
	return out, nil
}

// split writes the definitions of one kind as several files.
func (r *Result) split(key string, parts int) (out []definitions.File, err error) {
	var comments []definitions.Comment
	for _, c := range r.Comments {
		if c.Key == key {
			comments = append(comments, c)
		}
	}
	for n := range parts {
		d := r.Definitions
		part := &schema.Definitions{}
		switch key {
		case "entities":
			part.Entities = share(d.Entities, n, parts)
		case "sources":
			part.Sources = share(d.Sources, n, parts)
		case "feature_views":
			part.FeatureViews = share(d.FeatureViews, n, parts)
		case "on_demand_views":
			part.OnDemandViews = share(d.OnDemandViews, n, parts)
		case "feature_services":
			part.FeatureServices = share(d.FeatureServices, n, parts)
		}
		files, err := definitions.Write(part, commentsOf(part, share(comments, n, parts), comments)...)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if n > 0 {
				f.Name = fmt.Sprintf("%s_%d.yaml", key, n+1)
			}
			out = append(out, f)
		}
	}
	return out, nil
}

// share returns one of several parts of a list.
func share[T any](all []T, n, parts int) []T { return all[n*len(all)/parts : (n+1)*len(all)/parts] }

// commentsOf returns the comments of a part: those at the end that are its share, and all
// that stand before one of its definitions.
func commentsOf(part *schema.Definitions, mine, all []definitions.Comment) (out []definitions.Comment) {
	for _, c := range mine {
		if c.Name == "" {
			out = append(out, c)
		}
	}
	named := map[string]bool{}
	for _, o := range part.OnDemandViews { // no others have comments of their own
		named[o.Name] = true
	}
	for _, c := range all {
		if named[c.Name] {
			out = append(out, c)
		}
	}
	return out
}

var fileName = regexp.MustCompile(`^(entities|sources|feature_views|on_demand_views|feature_services)(_[0-9]+)?\.yaml$`)

// IsFile reports whether an import may have written a file of this name.
func IsFile(name string) bool { return fileName.MatchString(name) }
