package control

import (
	"context"
	"encoding/json"

	flightv1 "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"github.com/apache/arrow/go/v17/arrow"

	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
	"larder/monitor"
	"larder/monitor/featurelog"
	"larder/schema"
	"larder/store/registry"
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

// ListLogged lists the parts of the feature log's table.
func (s *Server) ListLogged(ctx context.Context, req *larderv1.ListLoggedRequest) (*larderv1.ListLoggedResponse, error) {
	parts, err := s.Registry.LoggedParts(ctx, req.GetModel())
	if err != nil {
		return nil, err
	}
	out := &larderv1.ListLoggedResponse{}
	for _, p := range parts {
		out.Parts = append(out.Parts, &larderv1.LoggedPart{Model: p.Model, ModelVersion: p.ModelVersion, CatalogVersion: p.CatalogVersion, Rows: p.Rows})
	}
	return out, nil
}

// A LogCommand requests a part of the feature log's table, with the columns of a file of
// the log.
type LogCommand struct {
	Log *LogPart `json:"log"`
}

// A LogPart names the rows that one version of a model scored with one version of the
// definitions.
type LogPart struct {
	Model          string `json:"model"`
	ModelVersion   int64  `json:"model_version"`
	CatalogVersion int64  `json:"catalog_version"`
}

const exampleLog = `{"log": {"model": "fraud", "model_version": 3, "catalog_version": 7}}`

// isLog reports whether a ticket is a LogCommand.
func isLog(ticket []byte) bool {
	var members map[string]json.RawMessage
	return json.Unmarshal(ticket, &members) == nil && members["log"] != nil
}

// sendLog sends a part of the table.
func (f *Flight) sendLog(ticket []byte, stream flightv1.FlightService_DoGetServer) error {
	var c LogCommand
	if err := readCommand(ticket, &c, exampleLog); err != nil {
		return err
	}
	if c.Log == nil {
		return schema.BadCommand.Errorf("the command names no part of the log; write it as JSON, for example %s", exampleLog)
	}
	ctx := stream.Context()
	if err := grpcserver.Permit(ctx, grpcserver.Resource{Kind: grpcserver.Model, Name: c.Log.Model}); err != nil {
		return err
	}
	leave, err := f.sets.Enter()
	if err != nil {
		return err
	}
	defer leave()
	var out *batchWriter
	part := registry.LoggedPart{Model: c.Log.Model, ModelVersion: c.Log.ModelVersion, CatalogVersion: c.Log.CatalogVersion}
	err = f.server.exportPart(ctx, part, func(columns *arrow.Schema) error {
		out = newBatchWriter(stream, columns, f.message)
		return nil
	}, func(rec arrow.Record) error { return out.writeBatch(rec) })
	if out != nil {
		out.Close()
	}
	return err
}

// exportPart reads a part of the table: it calls begin with the columns, and then write
// with each record.
func (s *Server) exportPart(ctx context.Context, part registry.LoggedPart, begin func(*arrow.Schema) error, write func(arrow.Record) error) error {
	plan, inputs, outputs, err := s.modelShape(ctx, part)
	if err != nil {
		return err
	}
	if err := mayReadAll(ctx, plan.Sensitive()); err != nil {
		return err
	}
	x := featurelog.NewExport(plan, inputs, outputs)
	defer x.Close()
	if err := begin(x.Schema()); err != nil {
		return err
	}
	send := func() error {
		rec := x.Take()
		defer rec.Release()
		return write(rec)
	}
	err = s.Registry.ReadLoggedPart(ctx, part, func(l *registry.LoggedRow) error {
		row := featurelog.Row(*l)
		full, err := x.Add(&row)
		if err != nil || !full {
			return err
		}
		return send()
	})
	if err != nil {
		return err
	}
	return send()
}

// modelShape returns the plan of a part, the type of each feature as its model takes it, and
// the model's outputs. Nil types say that it takes one tensor.
func (s *Server) modelShape(ctx context.Context, part registry.LoggedPart) (*schema.Plan, []schema.Type, []monitor.Output, error) {
	plan, model, release, err := s.modelOf(ctx, &larderv1.ScoreVectorsRequest{Model: part.Model, ModelVersion: part.ModelVersion, CatalogVersion: part.CatalogVersion})
	if err != nil {
		return nil, nil, nil, err
	}
	defer release()
	var outputs []monitor.Output
	for _, o := range model.Outputs() {
		outputs = append(outputs, monitor.Output{Name: o.Name, Type: o.Type, Width: o.Width(), Single: len(o.Shape) == 0})
	}
	if binding := model.Binding(); !binding.Dense {
		return plan, binding.Types(plan), outputs, nil
	}
	return plan, nil, outputs, nil
}
