package registry

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	feastcore "larder/api/feast/core"
	"larder/schema"
)

// Read reads the registry that a repository names, or the one that override names: a file,
// the SQLAlchemy or libpq URL of a Postgres, or the http URL of Feast's REST server. It
// returns what belongs to the config's project.
func Read(ctx context.Context, c *Config, override string) (*feastcore.Registry, error) {
	kind, path := c.Type, c.Path
	if override != "" {
		kind, path = kindOf(override), override
	} else if err := c.checkSet("path of the registry", path); err != nil {
		return nil, err
	}
	all, err := c.read(ctx, kind, path, override != "")
	if err != nil {
		return nil, err
	}
	return ofProject(all, c.Project)
}

func (c *Config) read(ctx context.Context, kind, path string, overridden bool) (*feastcore.Registry, error) {
	switch kind {
	case "file":
		if scheme, remedy := remote(path); remedy != "" {
			return nil, fmt.Errorf("the registry %s is in %s; download it (%s) and give the file: --registry FILE", path, scheme, remedy)
		}
		path = strings.TrimPrefix(path, "file://")
		if !filepath.IsAbs(path) && !overridden {
			path = filepath.Join(c.Dir, path)
		}
		return ReadFile(path)
	case "sql":
		return ReadSQL(ctx, path, c.Project)
	case "remote":
		if isHTTP(path) {
			return ReadREST(ctx, path, c.Project)
		}
		return nil, fmt.Errorf("the registry is Feast's gRPC server at %s, which is not read; where it runs, start the REST one beside it (feast serve_registry --rest-api) and give its address: --registry http://HOST:6572", path)
	case "snowflake.registry":
		return nil, fmt.Errorf("the registry is in Snowflake, which is not read; %s", viaREST)
	}
	return nil, fmt.Errorf("registry_type %s is not read; %s", kind, viaREST)
}

// viaREST says how any registry can be read.
const viaREST = "run feast serve_registry --rest-api --rest-port 6572 in the repository and give its address: --registry http://localhost:6572"

// kindOf returns the type of a registry that --registry names.
func kindOf(path string) string {
	switch {
	case isHTTP(path):
		return "remote"
	case strings.Contains(path, "://") && !strings.HasPrefix(path, "file://"):
		if scheme, _ := remote(path); scheme == "" {
			return "sql"
		}
	}
	return "file"
}

func isHTTP(path string) bool {
	return strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://")
}

// remote returns what a URL of an object store is called and how its files are fetched.
func remote(path string) (name, remedy string) {
	scheme, _, _ := strings.Cut(path, "://")
	switch scheme {
	case "s3", "s3a":
		return "S3", "aws s3 cp " + path + " registry.db"
	case "gs":
		return "Google Cloud Storage", "gcloud storage cp " + path + " registry.db"
	case "az", "abfs", "abfss", "wasb", "wasbs":
		return "Azure Blob Storage", "az storage blob download --file registry.db"
	case "hdfs":
		return "HDFS", "hdfs dfs -get " + path + " registry.db"
	}
	return "", ""
}

// ofProject keeps what belongs to a project. An object without one belongs to all.
func ofProject(all *feastcore.Registry, project string) (*feastcore.Registry, error) {
	found := map[string]bool{}
	keep := func(p string) bool {
		found[p] = true
		return p == project || p == ""
	}
	out := &feastcore.Registry{
		Entities:             kept(all.GetEntities(), keep, func(x *feastcore.Entity) string { return x.GetSpec().GetProject() }),
		FeatureViews:         kept(all.GetFeatureViews(), keep, func(x *feastcore.FeatureView) string { return x.GetSpec().GetProject() }),
		FeatureServices:      kept(all.GetFeatureServices(), keep, func(x *feastcore.FeatureService) string { return x.GetSpec().GetProject() }),
		OnDemandFeatureViews: kept(all.GetOnDemandFeatureViews(), keep, func(x *feastcore.OnDemandFeatureView) string { return x.GetSpec().GetProject() }),
		SavedDatasets:        kept(all.GetSavedDatasets(), keep, func(x *feastcore.SavedDataset) string { return x.GetSpec().GetProject() }),
		DataSources:          kept(all.GetDataSources(), keep, (*feastcore.DataSource).GetProject),
		ValidationReferences: kept(all.GetValidationReferences(), keep, (*feastcore.ValidationReference).GetProject),
		StreamFeatureViews:   kept(all.GetStreamFeatureViews(), keep, func(x *feastcore.StreamFeatureView) string { return x.GetSpec().GetProject() }),
		Permissions:          kept(all.GetPermissions(), keep, func(x *feastcore.Permission) string { return x.GetSpec().GetProject() }),
		LabelViews:           kept(all.GetLabelViews(), keep, func(x *feastcore.LabelView) string { return x.GetSpec().GetProject() }),
	}
	if len(out.GetFeatureViews())+len(out.GetStreamFeatureViews())+len(out.GetFeatureServices())+len(out.GetOnDemandFeatureViews()) > 0 {
		return out, nil
	}
	for _, p := range all.GetProjects() {
		found[p.GetSpec().GetName()] = true
	}
	var others []string
	for p := range found {
		if p != "" && p != project {
			others = append(others, p)
		}
	}
	if len(others) == 0 {
		return nil, fmt.Errorf("the registry has no feature view of project %q; run feast apply first", project)
	}
	slices.Sort(others)
	return nil, fmt.Errorf("the registry has no feature view of project %q; choose another with --project: %s", project, schema.Nearest(project, others))
}

func kept[T any](items []T, keep func(string) bool, project func(T) string) []T {
	return slices.DeleteFunc(items, func(x T) bool { return !keep(project(x)) })
}
