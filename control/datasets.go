package control

import (
	"context"

	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
	"larder/store/registry"
)

// GetDataset returns the manifest of a training set. One that its caller may not see is
// answered as one that isn't there.
func (s *Server) GetDataset(ctx context.Context, req *larderv1.GetDatasetRequest) (*larderv1.GetDatasetResponse, error) {
	d, err := s.parts.Datasets.Dataset(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	if !maySee(ctx, d) {
		return nil, registry.NoDataset(req.GetId())
	}
	return &larderv1.GetDatasetResponse{Dataset: datasetMessage(d)}, nil
}

// ListDatasets returns the newest training sets.
func (s *Server) ListDatasets(ctx context.Context, req *larderv1.ListDatasetsRequest) (*larderv1.ListDatasetsResponse, error) {
	all, err := s.parts.Datasets.Datasets(ctx, listLimit(req.GetLimit()))
	if err != nil {
		return nil, err
	}
	out := &larderv1.ListDatasetsResponse{}
	for _, d := range all {
		if maySee(ctx, d) {
			out.Datasets = append(out.Datasets, datasetMessage(d))
		}
	}
	return out, nil
}

// maySee reports whether a caller may see a training set: by its id, or since it may build
// sets of the same feature service.
func maySee(ctx context.Context, d registry.Dataset) bool {
	return grpcserver.May(ctx, grpcserver.Train, grpcserver.Resource{Kind: grpcserver.Dataset, Name: d.ID}) ||
		grpcserver.May(ctx, grpcserver.Train, grpcserver.Resource{Kind: grpcserver.Service, Name: d.FeatureService})
}

func datasetMessage(d registry.Dataset) *larderv1.Dataset {
	return &larderv1.Dataset{
		Id: d.ID, Name: d.Name, CreatedAt: d.CreatedAt.UnixMicro(), FeatureService: d.FeatureService, Manifest: string(d.Manifest),
	}
}

// listLimit returns how many elements of a list to return when asked were requested.
func listLimit(asked int32) int {
	const usual, most = 50, 1000
	if asked <= 0 {
		return usual
	}
	return min(int(asked), most)
}
