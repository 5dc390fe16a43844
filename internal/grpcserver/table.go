package grpcserver

import (
	"cmp"

	feastserving "larder/api/feast/serving"
	inferencev2 "larder/api/inference"
	larderv1 "larder/api/larder/v1"
	"larder/schema"
)

// rpcRules holds the rule of every served RPC, by full name. A test checks that no
// rule is missing and that every rule belongs to an RPC.
var rpcRules = map[string]*rule{
	"/larder.v1.ServingService/GetFeatures":         {right: Read, on: features},
	"/larder.v1.ServingService/GetFeaturesAndScore": {right: Score, on: one(Model, (*larderv1.GetFeaturesAndScoreRequest).GetModel)},
	"/larder.v1.ServingService/StreamFeaturesAndScore": {right: Score, on: one(Model, func(r *larderv1.StreamFeaturesAndScoreRequest) string {
		return r.GetRequest().GetModel()
	})},

	"/larder.v1.ControlService/Plan":            {right: Apply, some: Definitions, late: true}, // of a project
	"/larder.v1.ControlService/Apply":           {right: Apply, some: Definitions, late: true}, // the same
	"/larder.v1.ControlService/ListVersions":    {right: Observe, some: anyKind},
	"/larder.v1.ControlService/ListDefinitions": {right: Observe, some: anyKind},
	"/larder.v1.ControlService/GetDefinition":   {right: Observe, some: anyKind},
	"/larder.v1.ControlService/ExportDefinitions": {right: Observe, on: one(Definitions, func(r *larderv1.ExportDefinitionsRequest) string {
		return cmp.Or(r.GetProject(), schema.DefaultProject) + "/"
	})},
	// What a request must bring: clients ask for it before they read, score or train.
	"/larder.v1.ControlService/GetPlan":   {right: Read, or: []Right{Score, Train, Observe}, on: planned, at: bothPlanes},
	"/larder.v1.ControlService/GetStatus": {right: Observe, some: anyKind},

	"/larder.v1.ControlService/PutModel":      {right: Push, some: Model},
	"/larder.v1.ControlService/HasModels":     {right: Push, some: Model},
	"/larder.v1.ControlService/PushModel":     {right: Push, on: one(Model, (*larderv1.PushModelRequest).GetModel), also: promotes},
	"/larder.v1.ControlService/PromoteModel":  {right: Promote, on: one(Model, (*larderv1.PromoteModelRequest).GetModel)},
	"/larder.v1.ControlService/RollbackModel": {right: Promote, on: one(Model, (*larderv1.RollbackModelRequest).GetModel)},
	"/larder.v1.ControlService/RetireModel":   {right: Promote, on: one(Model, (*larderv1.RetireModelRequest).GetModel)},
	"/larder.v1.ControlService/SetTraffic":    {right: Promote, on: one(Model, (*larderv1.SetTrafficRequest).GetModel)},
	"/larder.v1.ControlService/ReleaseModel":  {right: Promote, on: one(Model, (*larderv1.ReleaseModelRequest).GetModel)},
	"/larder.v1.ControlService/ResumeRamp":    {right: Promote, on: one(Model, (*larderv1.ResumeRampRequest).GetModel)},
	"/larder.v1.ControlService/ListModels":    {right: Observe, some: Model, on: one(Model, (*larderv1.ListModelsRequest).GetModel)},
	"/larder.v1.ControlService/ScoreVectors":  {right: Score, at: controlPlane, on: one(Model, (*larderv1.ScoreVectorsRequest).GetModel)},

	"/larder.v1.ControlService/Materialize":  {right: Operate, on: each(View, (*larderv1.MaterializeRequest).GetFeatureViews)},
	"/larder.v1.ControlService/GetRun":       {right: Observe, some: anyKind}, // of the run, or of its view
	"/larder.v1.ControlService/CancelRun":    {right: Operate, on: one(Run, (*larderv1.CancelRunRequest).GetId)},
	"/larder.v1.ControlService/SaveSnapshot": {right: Operate},
	"/larder.v1.ControlService/Forget":       {right: Forget, on: one(Entity, (*larderv1.ForgetRequest).GetEntity)},

	"/larder.v1.ControlService/Verify":          {right: Operate, on: verified},
	"/larder.v1.ControlService/FlushFeatureLog": {right: Operate},
	"/larder.v1.ControlService/ListLogged":      {right: Train},
	"/larder.v1.ControlService/ReplayLog":       {right: Train, on: one(Model, (*larderv1.ReplayLogRequest).GetModel)},
	"/larder.v1.ControlService/CheckSkew":       {right: Train, on: one(Model, (*larderv1.CheckSkewRequest).GetModel)},
	"/larder.v1.ControlService/GetDrift":        {right: Observe, on: one(Model, (*larderv1.GetDriftRequest).GetModel)},
	"/larder.v1.ControlService/GetExperiment":   {right: Observe, on: one(Model, (*larderv1.GetExperimentRequest).GetModel)},
	"/larder.v1.ControlService/JoinLabels":      {right: Train, on: one(Model, (*larderv1.JoinLabelsRequest).GetModel)},

	"/larder.v1.ControlService/GetDataset":   {right: Train, some: anyKind}, // of a service that its caller may train on
	"/larder.v1.ControlService/ListDatasets": {right: Train, some: anyKind}, // the same

	// Flight commands are JSON that only the handler parses.
	"/arrow.flight.protocol.FlightService/DoExchange":     {right: Train, late: true},
	"/arrow.flight.protocol.FlightService/DoGet":          {right: Train, late: true},
	"/arrow.flight.protocol.FlightService/GetFlightInfo":  {right: Train, late: true},
	"/arrow.flight.protocol.FlightService/Handshake":      {right: Train},
	"/arrow.flight.protocol.FlightService/ListFlights":    {right: Train},
	"/arrow.flight.protocol.FlightService/PollFlightInfo": {right: Train},
	"/arrow.flight.protocol.FlightService/GetSchema":      {right: Train},
	"/arrow.flight.protocol.FlightService/DoPut":          {right: Train},
	"/arrow.flight.protocol.FlightService/DoAction":       {right: Train},
	"/arrow.flight.protocol.FlightService/ListActions":    {right: Train},

	"/inference.GRPCInferenceService/ServerLive":            {right: Any},
	"/inference.GRPCInferenceService/ServerReady":           {right: Any},
	"/inference.GRPCInferenceService/ServerMetadata":        {right: Any},
	"/inference.GRPCInferenceService/ModelReady":            {right: Score, on: one(Model, (*inferencev2.ModelReadyRequest).GetName)},
	"/inference.GRPCInferenceService/ModelMetadata":         {right: Score, on: one(Model, (*inferencev2.ModelMetadataRequest).GetName)},
	"/inference.GRPCInferenceService/ModelConfig":           {right: Score, on: one(Model, (*inferencev2.ModelConfigRequest).GetName)},
	"/inference.GRPCInferenceService/ModelInfer":            {right: Score, on: one(Model, (*inferencev2.ModelInferRequest).GetModelName)},
	"/inference.GRPCInferenceService/ModelStreamInfer":      {right: Score, on: one(Model, (*inferencev2.ModelInferRequest).GetModelName)},
	"/inference.GRPCInferenceService/ModelStatistics":       {right: Observe, some: Model, on: one(Model, (*inferencev2.ModelStatisticsRequest).GetName)},
	"/inference.GRPCInferenceService/RepositoryIndex":       {right: Observe, some: Model},
	"/inference.GRPCInferenceService/RepositoryModelLoad":   {right: Operate, on: one(Model, (*inferencev2.RepositoryModelLoadRequest).GetModelName)},
	"/inference.GRPCInferenceService/RepositoryModelUnload": {right: Operate, on: one(Model, (*inferencev2.RepositoryModelUnloadRequest).GetModelName)},

	"/feast.serving.ServingService/GetFeastServingInfo": {right: Any},
	"/feast.serving.ServingService/GetOnlineFeatures":   {right: Read, on: feastFeatures},
	"/GrpcFeatureServer/GetOnlineFeatures":              {right: Read, on: feastFeatures},
	"/GrpcFeatureServer/Push":                           {right: Operate, on: all(View)},
	"/GrpcFeatureServer/WriteToOnlineStore":             {right: Operate, on: one(View, (*feastserving.WriteToOnlineStoreRequest).GetFeatureViewName)},

	"/larder.v1.AccessService/WhoAmI":     {right: Any},
	"/larder.v1.AccessService/GetLogin":   {right: Public},
	"/larder.v1.AccessService/CreateKey":  {right: Admin},
	"/larder.v1.AccessService/ListKeys":   {right: Admin},
	"/larder.v1.AccessService/RevokeKey":  {right: Admin},
	"/larder.v1.AccessService/TestAccess": {right: Admin},
	"/larder.v1.AccessService/ReadAudit":  {right: Admin},

	"/larder.v1.StreamService/PushEvents": {right: Push, at: dataPlane, on: one(Stream, (*larderv1.PushEventsRequest).GetStream)},
	// Its query reads any table that sources can read, so it needs the right to name them too.
	"/larder.v1.StreamService/BackfillStream":   {right: Push, on: one(Stream, (*larderv1.BackfillStreamRequest).GetStream), also: func(any) Right { return Apply }},
	"/larder.v1.StreamService/GetStreams":       {right: Observe, some: Stream, on: one(Stream, (*larderv1.GetStreamsRequest).GetStream)},
	"/larder.v1.StreamService/PauseStream":      {right: Operate, on: one(Stream, (*larderv1.PauseStreamRequest).GetStream)},
	"/larder.v1.StreamService/ResumeStream":     {right: Operate, on: one(Stream, (*larderv1.ResumeStreamRequest).GetStream)},
	"/larder.v1.StreamService/SeekStream":       {right: Operate, on: one(Stream, (*larderv1.SeekStreamRequest).GetStream)},
	"/larder.v1.StreamService/ListDeadLetters":  {right: Operate, on: one(Stream, (*larderv1.ListDeadLettersRequest).GetStream)},
	"/larder.v1.StreamService/RetryDeadLetters": {right: Operate, on: one(Stream, (*larderv1.RetryDeadLettersRequest).GetStream)},
	"/larder.v1.StreamService/RebuildView":      {right: Operate, on: one(View, (*larderv1.RebuildViewRequest).GetFeatureView)},

	"/grpc.health.v1.Health/Check": {right: Public},
	"/grpc.health.v1.Health/List":  {right: Public},
	"/grpc.health.v1.Health/Watch": {right: Public},

	"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo":      {right: Any},
	"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": {right: Any},
}

// httpRules holds the rule of every HTTP path, by pattern. "/" answers that there is
// no such path.
var httpRules = map[string]*rule{
	"/":            {right: Any},
	"GET /healthz": {right: Public},
	"GET /readyz":  {right: Public},
	"GET /health":  {right: Public},
	"GET /metrics": {right: Observe},

	"GET /{$}":          {right: Any},
	"GET /openapi.json": {right: Any},

	"POST /v1/features": {right: Read, late: true},
	"POST /v1/score":    {right: Score, late: true},

	"POST /v1/streams/{stream}/events": {right: Push, at: dataPlane, on: inPath(Stream, "stream")},

	"POST /get-online-features":     {right: Read, late: true},
	"POST /push":                    {right: Operate, late: true},
	"POST /write-to-online-store":   {right: Operate, late: true},
	"POST /materialize":             {right: Operate, late: true},
	"POST /materialize-incremental": {right: Operate, late: true},

	"GET /v2":                             {right: Any},
	"GET /v2/{$}":                         {right: Any},
	"GET /v2/health/live":                 {right: Any},
	"GET /v2/health/ready":                {right: Any},
	"GET /v2/models/{model}":              {right: Score, on: inPath(Model, "model")},
	"GET /v2/models/{model}/ready":        {right: Score, on: inPath(Model, "model")},
	"GET /v2/models/{model}/config":       {right: Score, on: inPath(Model, "model")},
	"GET /v2/models/stats":                {right: Observe, some: Model},
	"GET /v2/models/{model}/stats":        {right: Observe, on: inPath(Model, "model")},
	"POST /v2/models/{model}/infer":       {right: Score, on: inPath(Model, "model")},
	"GET " + modelVersion:                 {right: Score, on: inPath(Model, "model")},
	"GET " + modelVersion + "/ready":      {right: Score, on: inPath(Model, "model")},
	"GET " + modelVersion + "/config":     {right: Score, on: inPath(Model, "model")},
	"GET " + modelVersion + "/stats":      {right: Observe, on: inPath(Model, "model")},
	"POST " + modelVersion + "/infer":     {right: Score, on: inPath(Model, "model")},
	"POST /v2/repository/index":           {right: Observe, some: Model},
	"POST " + repositoryModel + "/load":   {right: Operate, on: inPath(Model, "model")},
	"POST " + repositoryModel + "/unload": {right: Operate, on: inPath(Model, "model")},

	"/debug/pprof/":        {right: Operate},
	"/debug/pprof/profile": {right: Operate},
	"/debug/pprof/trace":   {right: Operate},
}

const (
	modelVersion    = "/v2/models/{model}/versions/{version}"
	repositoryModel = "/v2/repository/models/{model}"
)

// features returns what a request reads: a feature service, or a list of features.
func features(req any, i int) (Resource, bool) {
	r := req.(*larderv1.GetFeaturesRequest)
	return readOf(r.GetFeatureService(), r.GetFeatures().GetReferences(), i)
}

// feastFeatures is features for clients of Feast.
func feastFeatures(req any, i int) (Resource, bool) {
	r := req.(*feastserving.GetOnlineFeaturesRequest)
	return readOf(r.GetFeatureService(), r.GetFeatures().GetVal(), i)
}

func readOf(service string, references []string, i int) (Resource, bool) {
	switch {
	case service != "":
		return Resource{Kind: Service, Name: service}, i == 0
	case i < len(references):
		return Resource{Kind: View, Name: references[i]}, true
	}
	return Resource{}, false
}

// planned returns what a plan is requested for: a model, a feature service, or features.
func planned(req any, i int) (Resource, bool) {
	r := req.(*larderv1.GetPlanRequest)
	if model := r.GetModel(); model != "" {
		return Resource{Kind: Model, Name: model}, i == 0
	}
	return readOf(r.GetFeatureService(), r.GetFeatures().GetReferences(), i)
}

// verified returns the views to verify, or the feature service that reads them.
func verified(req any, i int) (Resource, bool) {
	r := req.(*larderv1.VerifyRequest)
	if service := r.GetFeatureService(); service != "" {
		if i == 0 {
			return Resource{Kind: Service, Name: service}, true
		}
		if len(r.GetFeatureViews()) == 0 {
			return Resource{}, false
		}
		i--
	}
	return verifiedViews(req, i)
}

var verifiedViews = each(View, (*larderv1.VerifyRequest).GetFeatureViews)

// promotes returns the extra right that a push needs when it serves the version at once.
func promotes(req any) Right {
	if req.(*larderv1.PushModelRequest).GetServe() {
		return Promote
	}
	return ""
}
