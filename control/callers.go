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

// mayChange refuses changes of roles and bindings by callers without the right admin.
func mayChange(ctx context.Context, changes []schema.Change) error {
	for _, c := range changes {
		if c.Noun == schema.KindRole || c.Noun == schema.KindBinding {
			return grpcserver.Require(ctx, grpcserver.Admin, grpcserver.Resource{})
		}
	}
	return nil
}

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
