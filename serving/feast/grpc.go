package feast

import (
	"context"
	"maps"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	feastserving "larder/api/feast/serving"
	feasttypes "larder/api/feast/types"
	"larder/schema"
)

// GetFeastServingInfo returns the version of the server.
func (s *Server) GetFeastServingInfo(context.Context, *feastserving.GetFeastServingInfoRequest) (*feastserving.GetFeastServingInfoResponse, error) {
	return &feastserving.GetFeastServingInfoResponse{Version: s.opts.Version}, nil
}

// GetOnlineFeatures reads the newest features of entities. Both gRPC services have it.
func (s *Server) GetOnlineFeatures(ctx context.Context, req *feastserving.GetOnlineFeaturesRequest) (*feastserving.GetOnlineFeaturesResponse, error) {
	q := &question{
		service: req.GetFeatureService(), features: req.GetFeatures().GetVal(), fullNames: req.GetFullFeatureNames(),
		versions: req.GetIncludeFeatureViewVersionMetadata(),
	}
	for _, columns := range []map[string]*feasttypes.RepeatedValue{req.GetEntities(), req.GetRequestContext()} {
		for _, name := range slices.Sorted(maps.Keys(columns)) { // messages don't keep the order
			q.given = append(q.given, given{name, protoValues(columns[name].GetVal())})
		}
	}
	a, err := s.serve(ctx, q)
	if err != nil {
		return nil, err
	}
	defer a.released()
	return a.message(q.versions), nil
}

var statusMessages = [...]feastserving.FieldStatus{
	schema.StatusPresent:       feastserving.FieldStatus_PRESENT,
	schema.StatusNullValue:     feastserving.FieldStatus_NULL_VALUE,
	schema.StatusNotFound:      feastserving.FieldStatus_NOT_FOUND,
	schema.StatusOutsideMaxAge: feastserving.FieldStatus_OUTSIDE_MAX_AGE,
	schema.StatusWithheld:      feastserving.FieldStatus_INVALID, // Feast has no status for that
}

func (a *answer) message(versions bool) *feastserving.GetOnlineFeaturesResponse {
	names := new(feastserving.FeatureList)
	resp := &feastserving.GetOnlineFeaturesResponse{
		Metadata: &feastserving.GetOnlineFeaturesResponseMetadata{FeatureNames: names}, Status: true,
	}
	for i := range a.columns {
		c := &a.columns[i]
		names.Val = append(names.Val, c.name)
		vector := &feastserving.GetOnlineFeaturesResponse_FeatureVector{
			Values: valueMessages(c.values, a.rows), Statuses: make([]feastserving.FieldStatus, a.rows), EventTimestamps: make([]*timestamppb.Timestamp, a.rows),
		}
		for r := range a.rows {
			vector.Statuses[r] = statusMessages[c.status(r)]
			micros := c.eventTime(r)
			whole := schema.Seconds(micros)
			vector.EventTimestamps[r] = &timestamppb.Timestamp{Seconds: whole, Nanos: int32(micros-whole*1e6) * 1000}
		}
		resp.Results = append(resp.Results, vector)
	}
	if versions {
		for _, name := range a.views {
			resp.Metadata.FeatureViewMetadata = append(resp.Metadata.FeatureViewMetadata, &feastserving.FeatureViewMetadata{Name: name, Version: int32(a.catalog)})
		}
	}
	return resp
}
