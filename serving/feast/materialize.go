package feast

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"larder/control/rows"
	"larder/control/runs"
	"larder/internal/grpcserver"
	"larder/schema"
)

// postMaterialize materializes the rows of a range of event times.
func (s *Server) postMaterialize(w http.ResponseWriter, r *http.Request) {
	s.materialize(w, r, true)
}

// postIncremental materializes what is new up to a time.
func (s *Server) postIncremental(w http.ResponseWriter, r *http.Request) {
	s.materialize(w, r, false)
}

func (s *Server) materialize(w http.ResponseWriter, r *http.Request, hasStart bool) {
	views, async, err := s.startRuns(r, hasStart)
	switch {
	case err != nil:
		grpcserver.WriteError(w, err)
	case !async:
		grpcserver.WriteJSON(w, []byte("null"))
	default:
		body, _ := json.Marshal(map[string]any{"status": "accepted", "feature_views": views}) // texts always have JSON
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write(body) // the caller may be gone
	}
}

// startRuns starts the runs that a request asks for, and waits for them unless it is async.
func (s *Server) startRuns(r *http.Request, hasStart bool) (views []string, async bool, err error) {
	req, err := readRuns(r, hasStart)
	if err != nil {
		return nil, false, err
	}
	if said := r.URL.Query().Get("async"); said != "" {
		if async, err = strconv.ParseBool(said); err != nil {
			return nil, false, schema.BadParameter.Errorf("async is %.40q; write true or false", said)
		}
	}
	var on []grpcserver.Resource
	for _, name := range req.Views {
		on = append(on, grpcserver.Resource{Kind: grpcserver.View, Name: name})
	}
	if on == nil {
		on = []grpcserver.Resource{{Kind: grpcserver.View}} // all of them
	}
	if err := grpcserver.Permit(r.Context(), on...); err != nil {
		return nil, false, err
	}
	ids, err := s.opts.Runs.Start(req)
	if err != nil {
		return nil, false, err
	}
	started, _ := s.opts.Runs.ByID(ids)
	for i := range started {
		views = append(views, started[i].View)
	}
	if async {
		return views, true, nil
	}
	return views, false, s.opts.Runs.Wait(r.Context(), ids)
}

func readRuns(r *http.Request, hasStart bool) (req runs.Request, err error) {
	anyTime := false
	err = readMembers(r, func(name string, value json.RawMessage) (err error) {
		switch name {
		case "start_ts":
			req.From, err = readTime(name, value)
		case "end_ts":
			req.To, err = readTime(name, value)
		case "feature_views":
			if string(value) != "null" {
				req.Views, err = readNames(name, value)
			}
		case "disable_event_timestamp":
			err = readInto(name, "true or false", value, &anyTime)
		case "version":
			if string(value) != "null" {
				err = schema.BadParameter.Errorf("the request names version %.40s; Larder materializes the newest definition only: leave it out", value)
			}
		}
		return err
	})
	switch {
	case err != nil:
	case hasStart && anyTime:
		return runs.Request{Views: req.Views, Full: true}, nil
	case hasStart && (req.From == nil || req.To == nil):
		err = schema.BadJSON.Errorf(`the body has no "start_ts" or no "end_ts"; write both, or "disable_event_timestamp": true for all rows`)
	case !hasStart && req.To == nil:
		err = schema.BadJSON.Errorf(`the body has no "end_ts"`)
	case !hasStart:
		req.From = nil
	}
	return req, err
}

func readTime(name string, value json.RawMessage) (*int64, error) {
	if string(value) == "null" {
		return nil, nil
	}
	micros, err := rows.ParseTime(value)
	if value[0] != '"' {
		err = errors.New("not a text")
	}
	if err != nil {
		return nil, schema.BadJSON.Errorf("%q: %v", name, err)
	}
	return &micros, nil
}
