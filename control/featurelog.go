package control

import (
	"context"

	larderv1 "larder/api/larder/v1"
)

// FlushFeatureLog finishes the files of the feature log that are being written.
func (s *Server) FlushFeatureLog(ctx context.Context, _ *larderv1.FlushFeatureLogRequest) (*larderv1.FlushFeatureLogResponse, error) {
	if s.FeatureLog != nil {
		if err := s.FeatureLog.Flush(ctx); err != nil {
			return nil, err
		}
	}
	return &larderv1.FlushFeatureLogResponse{}, nil
}
