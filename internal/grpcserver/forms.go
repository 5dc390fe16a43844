package grpcserver

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/code"

	"larder/schema"
)

// An errorForm returns the HTTP status and the JSON of an error.
type errorForm func(f *failure) (status int, body any)

// formOf returns how errors of a request are written: as the protocol of its path has them.
func formOf(r *http.Request) errorForm {
	switch path := r.URL.Path; {
	case path == "/v2" || strings.HasPrefix(path, "/v2/"):
		return textErrors
	case feastPaths[path]:
		return feastErrors
	}
	return ownErrors
}

// ownErrors are {"error": {"code", "reason", "message"}}.
func ownErrors(f *failure) (int, any) {
	var body struct {
		Error struct {
			Code    string `json:"code"`
			Reason  string `json:"reason"`
			Message string `json:"message"`
		} `json:"error"`
	}
	body.Error.Code, body.Error.Reason, body.Error.Message = code.Code(f.code).String(), string(f.reason), f.message
	return f.http, body
}

// textErrors are {"error": message}, of the Open Inference Protocol.
func textErrors(f *failure) (int, any) { return f.http, map[string]string{"error": f.message} }

// feastPaths are the paths of Feast's Python server.
var feastPaths = map[string]bool{
	"/get-online-features": true, "/push": true, "/write-to-online-store": true, "/materialize": true, "/materialize-incremental": true,
}

// feastClasses are the errors of Feast's Python package that its client raises for ours.
var feastClasses = map[schema.Reason]struct {
	class  string
	status int // 0: as everywhere
}{
	schema.UnknownFeatureView:    {"FeatureViewNotFoundException", 0},
	schema.UnknownFeatureService: {"FeatureServiceNotFoundException", 0},
	schema.UnknownFeature:        {"FeastObjectNotFoundException", 0},
	schema.MissingRequestValue:   {"RequestDataNotFoundInEntityRowsException", http.StatusNotFound},
	schema.FeatureNameCollision:  {"FeatureNameCollisionError", 0},
	schema.DuplicateFeature:      {"FeatureNameCollisionError", 0},
	schema.UnknownPushSource:     {"PushSourceNotFoundException", http.StatusUnprocessableEntity},
	reasonForbidden:              {"FeastPermissionError", 0},
	schema.TooManyRows:           {"FeastError", http.StatusBadRequest}, // its client sends again what got the status 429
}

// feastErrors are as the Python server of Feast writes them: a body that it can't read is
// told in FastAPI's form with the status 422. Anything else is a JSON string of the
// error's class and message, by which Feast's client raises it again.
func feastErrors(f *failure) (int, any) {
	if f.reason == schema.BadJSON {
		type detail struct {
			Type     string   `json:"type"`
			Location []string `json:"loc"`
			Message  string   `json:"msg"`
		}
		return http.StatusUnprocessableEntity, map[string]any{"detail": []detail{{"value_error", []string{"body"}, f.message}}}
	}
	status, class := f.http, "FeastError"
	if known, found := feastClasses[f.reason]; found {
		class = known.class
		if known.status != 0 {
			status = known.status
		}
	}
	inner, _ := json.Marshal(struct { // strings always have JSON
		Module  string `json:"module"`
		Class   string `json:"class"`
		Message string `json:"message"`
	}{"feast.errors", class, f.message})
	return status, string(inner)
}

// write answers with the error.
func (f *failure) write(w http.ResponseWriter, form errorForm) {
	status, body := form(f)
	switch {
	case f.retry > 0:
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.retry.Seconds()))))
	case f.reason == schema.StreamQueueFull:
		w.Header().Set("Retry-After", "1")
	}
	send(w, status, body)
}

func send(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller may be gone
}
