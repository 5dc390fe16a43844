package grpcserver

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"larder/internal/openapi"
)

// The server's own pages.
var (
	indexPage = openapi.Operation{
		Pattern: "GET /{$}", ID: "index", Tag: serverTag, Summary: "list the paths that there are",
		Answer: openapi.Body{Type: "text/plain", Schema: openapi.Of("string", "")},
	}
	openAPIPage = openapi.Operation{
		Pattern: "GET /openapi.json", ID: "openapi", Tag: serverTag, Summary: "describe all paths and their bodies as an OpenAPI 3.1 document",
		Answer: openapi.Body{Schema: &openapi.Schema{Type: "object", Description: "This document."}},
	}
	healthPage = openapi.Operation{
		Pattern: "GET /healthz", ID: "health", Tag: serverTag, Summary: "say that the process is alive",
		Answer: openapi.Body{Type: "text/plain", Schema: openapi.Of("string", ""), Example: "alive\n"}, Errors: openapi.PlainText,
	}
	readyPage = openapi.Operation{
		Pattern: "GET /readyz", ID: "ready", Tag: serverTag, Summary: "say whether requests can be answered; 503 while they can't",
		Answer: openapi.Body{Type: "text/plain", Schema: openapi.Of("string", ""), Example: "ready\n"}, Errors: openapi.PlainText,
	}
	feastHealthPage = openapi.Operation{
		Pattern: "GET /health", ID: "feast_health", Tag: serverTag, Summary: "say whether requests can be answered, where Feast's server does; 503 while they can't",
		Answer: openapi.Body{Type: "text/plain", Schema: openapi.Of("string", ""), Example: "ready\n"}, Errors: openapi.PlainText,
	}
	metricsPage = openapi.Operation{
		Pattern: "GET /metrics", ID: "metrics", Tag: serverTag, Summary: "give metrics in Prometheus's format",
		Answer: openapi.Body{Type: "text/plain", Schema: openapi.Of("string", "")},
	}
)

const serverTag = "server"

// tags are the groups of operations.
var tags = map[string]string{
	serverTag:   "The server and its health.",
	"serving":   "Features and scores, as lists of values typed by the definitions.",
	"feast":     "The API of Feast's feature server, for its clients.",
	"inference": "The Open Inference Protocol: models over tensors, as Triton and KServe serve them.",
}

func pageOperations() []openapi.Operation {
	return []openapi.Operation{indexPage, openAPIPage, healthPage, readyPage, feastHealthPage, metricsPage}
}

// pages returns the server's own pages.
func (s *Server) pages(handler *Mux) *http.ServeMux {
	mux := http.NewServeMux()
	s.page(mux, healthPage, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	s.page(mux, readyPage, s.readyz)
	s.page(mux, feastHealthPage, s.readyz)
	if s.opts.Gatherer != nil {
		s.page(mux, metricsPage, promhttp.HandlerFor(s.opts.Gatherer, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes}).ServeHTTP)
	}
	operations := handler.Operations()
	index := []byte(s.index(operations))
	s.page(mux, indexPage, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(index) // the caller may be gone
	})
	about := "Features and scores of a Larder server. Errors say why and what to do. Every example is run in Larder's own tests."
	document, err := openapi.Document(openapi.Info{Title: "Larder", Version: s.opts.Version, About: about}, tags, operations)
	if err != nil {
		panic("an example of an operation is not JSON: " + err.Error()) // in the code
	}
	s.page(mux, openAPIPage, func(w http.ResponseWriter, _ *http.Request) { WriteJSON(w, document) })
	return mux
}

// index lists all paths, with what they do.
func (s *Server) index(operations []openapi.Operation) string {
	var text strings.Builder
	fmt.Fprintf(&text, "larder %s\n\nFeatures and scores over HTTP. Bodies are JSON; /openapi.json has each with an example.\n\n", s.opts.Version)
	width := 0
	for _, o := range operations {
		width = max(width, len(o.URL()))
	}
	for _, o := range operations {
		fmt.Fprintf(&text, "%-4s  %-*s  %s\n", o.Method(), width, o.URL(), o.Summary)
	}
	return text.String()
}

// page serves one of the shell's own pages, which work even when too many requests
// are in flight.
func (s *Server) page(mux *http.ServeMux, o openapi.Operation, answer http.HandlerFunc) {
	rule := httpRules[o.Pattern]
	mux.HandleFunc(o.Pattern, func(w http.ResponseWriter, r *http.Request) {
		if rule.right == Public {
			answer(w, r)
			return
		}
		s.authenticated(w, r, func(w http.ResponseWriter, r *http.Request) {
			if f := pathHere(r, rule); f != nil {
				f.write(w, formOf(r))
				return
			}
			if err := s.authorize(r.Context(), rule, r); err != nil {
				failureOf(err).write(w, formOf(r))
				return
			}
			answer(w, r)
		})
	})
}
