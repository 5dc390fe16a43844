package control

import (
	"context"

	"larder/internal/grpcserver"
	"larder/schema"
)

// by returns who makes a change: the caller where it has proved who it is, else who it says
// it is.
func by(ctx context.Context, claimed string) string {
	if caller := grpcserver.CallerOf(ctx).Name; caller != "" {
		return caller
	}
	return claimed
}

// mayChange refuses changes of the definitions of a project by callers without the right apply
// on them, and changes of roles and bindings by those without the right admin.
func mayChange(ctx context.Context, project string, changes []schema.Change) error {
	if err := grpcserver.Permit(ctx, grpcserver.Resource{Kind: grpcserver.Definitions, Name: project + "/"}); err != nil {
		return err
	}
	for _, c := range changes {
		if c.Noun == schema.KindRole || c.Noun == schema.KindBinding {
			return grpcserver.Require(ctx, grpcserver.Admin, grpcserver.Resource{})
		}
	}
	return nil
}

// mayUse refuses callers who may not read definitions of other projects.
func mayUse(ctx context.Context, uses []schema.Reference) error {
	for _, use := range uses {
		on := grpcserver.Resource{Kind: grpcserver.Definitions, Name: use.Name}
		if kind := resourceKinds[use.Kind]; kind != "" {
			on.Kind = kind
		}
		if err := grpcserver.Require(ctx, grpcserver.Read, on); err != nil {
			return err
		}
	}
	return nil
}

// resourceKinds are the kinds of resources that definitions are, by their kind. Others are
// known as definitions alone.
var resourceKinds = map[string]grpcserver.Kind{
	schema.KindEntity: grpcserver.Entity, schema.KindStream: grpcserver.Stream, schema.KindFeatureService: grpcserver.Service, schema.KindModel: grpcserver.Model,
	schema.KindFeatureView: grpcserver.View, schema.KindAggregateView: grpcserver.View, schema.KindOnDemandView: grpcserver.View,
}

// seesDefinition reports whether the caller may see a definition: as the resource that it is,
// or as the definition of that name.
func seesDefinition(ctx context.Context, r schema.Reference) bool {
	if kind := resourceKinds[r.Kind]; kind != "" && observes(ctx, kind, r.Name) {
		return true
	}
	return observes(ctx, grpcserver.Definitions, r.Name)
}

// observes reports whether the caller may observe a resource.
func observes(ctx context.Context, kind grpcserver.Kind, name string) bool {
	return grpcserver.May(ctx, grpcserver.Observe, grpcserver.Resource{Kind: kind, Name: name})
}

// observesServer reports whether the caller may observe what is of the whole server.
func observesServer(ctx context.Context) bool { return observes(ctx, "", "") }

// mayReadAll refuses callers who may not read the values of sensitive features. A training set
// or a part of the feature log without them would not be what a model saw.
func mayReadAll(ctx context.Context, features []string) error {
	for _, name := range features {
		if err := grpcserver.Require(ctx, grpcserver.ReadSensitive, grpcserver.Resource{Kind: grpcserver.View, Name: name}); err != nil {
			return err
		}
	}
	return nil
}

// withheldText stands for a value that a caller may not read.
const withheldText = "(withheld)"

// shows reports whether the caller may see values of a feature of a view; of all its features
// where none is named.
func (s *Server) shows(ctx context.Context, view, feature string) bool {
	v, err := s.Registry.Catalog().View(view)
	if err != nil {
		return true // it has gone meanwhile, and nothing was compared
	}
	for _, name := range v.Sensitive() {
		if (feature == "" || name == view+":"+feature) && !grpcserver.May(ctx, grpcserver.ReadSensitive, grpcserver.Resource{Kind: grpcserver.View, Name: name}) {
			return false
		}
	}
	return true
}
