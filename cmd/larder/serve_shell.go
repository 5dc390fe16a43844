package main

import (
	"context"
	"net"
	"net/http/pprof"
	"strings"

	feastserving "larder/api/feast/serving"
	inferencev2 "larder/api/inference"
	larderv1 "larder/api/larder/v1"
	"larder/control/access"
	"larder/internal/grpcserver"
)

// register adds every service to a server.
func (n *node) register(shell *grpcserver.Server) {
	larderv1.RegisterServingServiceServer(shell, n.serving)
	inferencev2.RegisterGRPCInferenceServiceServer(shell, n.inference)
	feastserving.RegisterServingServiceServer(shell, n.feast)
	feastserving.RegisterGrpcFeatureServerServer(shell, n.feast)
	larderv1.RegisterControlServiceServer(shell, n.control)
	larderv1.RegisterStreamServiceServer(shell, n.pushes)
	larderv1.RegisterAccessServiceServer(shell, access.New(n.keys, n.trail, access.Login{Issuer: n.cfg.OIDCIssuer, ClientID: n.cfg.OIDCClient, Audience: n.cfg.OIDCAudience}))
	n.control.Flight().Register(shell)
}

func (n *node) shellOptions(ctx context.Context) (grpcserver.Options, error) {
	decides, err := n.newGate(ctx)
	if err != nil {
		return grpcserver.Options{}, err
	}
	hosts, err := grpcserver.ParseHosts(n.cfg.HTTPHosts)
	if err != nil {
		return grpcserver.Options{}, err
	}
	if own, _, err := net.SplitHostPort(n.cfg.HTTPAddr); err == nil && own != "" {
		hosts = append(hosts, strings.ToLower(own))
	}
	opts := grpcserver.Options{
		Version: version, HTTPHosts: hosts, Logger: n.log, Registerer: n.metrics, Gatherer: n.metrics, Access: decides, CertFile: n.cfg.TLSCert, KeyFile: n.cfg.TLSKey, ClientCAFile: n.cfg.TLSClientCA,
		MaxMessageBytes: n.cfg.MaxMessage, MaxInFlight: n.cfg.MaxInFlight, DefaultTimeout: n.cfg.Timeout,
		DrainDelay: n.cfg.DrainDelay, DrainTimeout: n.cfg.DrainTimeout, Tracing: tracingWanted(),
		CutOff: n.models.EndProcesses, Ready: n.ready,
	}
	if n.trail != nil {
		opts.Audit = n.trail
	}
	return opts, nil
}

func (n *node) httpHandler() *grpcserver.Mux {
	mux := new(grpcserver.Mux)
	mux.Add(n.serving.HTTPHandler())
	mux.Add(n.inference.HTTPHandler())
	mux.Add(n.feast.HTTPHandler())
	mux.Add(n.pushes.HTTPHandler())
	if n.cfg.Pprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return mux
}
