package grpcserver

import (
	"net/http"
	"strings"
	"sync/atomic"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// Classes of requests. Each has places in flight of its own, so that one that is full
// keeps no other out.
type class int

const (
	scoringClass class = iota // features and scores: the limiter, and Options.MaxInFlight
	pushClass                 // events and rows: Options.MaxInFlight; they wait for Postgres
	controlClass              // controlPlaces
	statusClass               // of the server: statusPlaces beside those of control
	bulkClass                 // training sets, checks, materializations: bulkPlaces
	healthClass               // always answered
	classes
)

// A classPrefix is the class of the RPCs, or of the paths of HTTP, that begin with prefix.
type classPrefix struct {
	prefix string
	class  class
}

// rpcClasses are the classes of RPCs. The first that fits is an RPC's; all others are of the control
// plane.
var rpcClasses = []classPrefix{
	{"/" + healthv1.Health_ServiceDesc.ServiceName + "/", healthClass},
	{"/inference.GRPCInferenceService/ServerLive", healthClass},
	{"/inference.GRPCInferenceService/ServerReady", healthClass},
	{"/inference.GRPCInferenceService/Repository", controlClass},
	{"/larder.v1.ControlService/GetStatus", statusClass},
	{"/larder.v1.ControlService/Materialize", bulkClass},
	{"/larder.v1.ControlService/Verify", bulkClass},
	{"/larder.v1.ControlService/ReplayLog", bulkClass},
	{"/larder.v1.ControlService/CheckSkew", bulkClass},
	{"/larder.v1.ControlService/JoinLabels", bulkClass},
	{"/larder.v1.ControlService/SaveSnapshot", bulkClass},
	{"/larder.v1.ControlService/Forget", bulkClass},
	{"/larder.v1.AccessService/ReadAudit", bulkClass},
	{"/arrow.flight.", bulkClass},
	{"/larder.v1.StreamService/PushEvents", pushClass},
	{"/larder.v1.StreamService/BackfillStream", bulkClass},
	{"/larder.v1.StreamService/RebuildView", bulkClass},
	{"/GrpcFeatureServer/Push", pushClass},
	{"/GrpcFeatureServer/WriteToOnlineStore", pushClass},
	{"/GrpcFeatureServer/", scoringClass},
	{"/feast.serving.ServingService/", scoringClass},
	{"/inference.GRPCInferenceService/", scoringClass},
	{"/larder.v1.ServingService/", scoringClass},
}

// httpClasses are the same of paths; all others are of the control plane.
var httpClasses = []classPrefix{
	{"/v1/features", scoringClass},
	{"/v1/score", scoringClass},
	{"/v1/streams/", pushClass},
	{"/v2/health/", healthClass},
	{"/v2/repository/", controlClass},
	{"/v2/", scoringClass},
	{"/get-online-features", scoringClass},
	{"/push", pushClass},
	{"/write-to-online-store", pushClass},
	{"/materialize", bulkClass},
}

func classOf(method string) class { return firstClass(rpcClasses, method, controlClass) }

func firstClass(classes []classPrefix, name string, other class) class {
	for _, c := range classes {
		if strings.HasPrefix(name, c.prefix) {
			return c.class
		}
	}
	return other
}

// httpMethod returns what stands for the requests over HTTP of a request's class when they are
// counted.
func (s *Server) httpMethod(r *http.Request) *method {
	return &s.web[firstClass(httpClasses, r.URL.Path, controlClass)]
}

// pool returns the requests in flight of a class.
func (s *Server) pool(c class) *atomic.Int64 {
	switch c {
	case pushClass:
		return &s.pushes
	case bulkClass:
		return &s.bulk
	}
	return &s.control
}
