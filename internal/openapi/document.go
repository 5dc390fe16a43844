package openapi

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// An Operation is one method of one path.
type Operation struct {
	Pattern string // as net/http has them: "POST /v1/score"
	ID      string // a name for programs: score
	Tag     string // the group that it belongs to
	Summary string // one line, for lists
	About   string // what else to know; may be empty
	// Path describes the names in the path; each is a string.
	Path    map[string]Parameter
	Request *Body // nil: it takes none
	Answer  Body
	Errors  ErrorForm
}

// A Parameter is a name in a path.
type Parameter struct{ About, Example string }

// A Body is what is sent or answered.
type Body struct {
	Type    string // of its media; application/json if empty
	Schema  *Schema
	Example string // as it is sent; JSON where the type is
	// Also is another type that it may have, of bytes that need a description in words.
	Also string
	// Optional: a request may come without it. An answer without a schema has no body.
	Optional bool
}

func (b *Body) mediaType() string { return cmp.Or(b.Type, "application/json") }

// An ErrorForm is how errors of an operation are written.
type ErrorForm int

// The forms.
const (
	Errors      ErrorForm = iota // {"error": {"code", "reason", "message"}}
	TextErrors                   // {"error": "message"}, of the Open Inference Protocol
	ReadyErrors                  // as TextErrors, with "ready": false where readiness was found out
	PlainText                    // of probes, without JSON
	FeastErrors                  // a text of {"module", "class", "message"}, of Feast; {"detail"} for a body that can't be read
)

// Method returns the operation's method: POST.
func (o *Operation) Method() string {
	method, _, _ := strings.Cut(o.Pattern, " ")
	return method
}

// URL returns the operation's path: /v2/models/{model}.
func (o *Operation) URL() string {
	_, path, _ := strings.Cut(o.Pattern, " ")
	return strings.TrimSuffix(path, "{$}")
}

// ExampleURL returns the path with the examples of its names: /v2/models/fraud.
func (o *Operation) ExampleURL() string {
	path := o.URL()
	for name, p := range o.Path {
		path = strings.ReplaceAll(path, "{"+name+"}", p.Example)
	}
	return path
}

// Info says of what the document is.
type Info struct{ Title, Version, About string }

// Document returns the OpenAPI 3.1 document of some operations, as JSON.
func Document(info Info, tags map[string]string, operations []Operation) ([]byte, error) {
	paths, named := map[string]map[string]any{}, map[string]*component{}
	errorSchema.collect(named)
	textErrorSchema.collect(named)
	readyErrorSchema.collect(named)
	feastErrorSchema.collect(named)
	for i := range operations {
		o := &operations[i]
		o.Answer.Schema.collect(named)
		if o.Request != nil {
			o.Request.Schema.collect(named)
		}
		if paths[o.URL()] == nil {
			paths[o.URL()] = map[string]any{}
		}
		paths[o.URL()][strings.ToLower(o.Method())] = o.describe()
	}
	groups := []any{}
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		groups = append(groups, map[string]any{"name": name, "description": tags[name]})
	}
	return json.MarshalIndent(map[string]any{
		"openapi": "3.1.1",
		"info":    map[string]any{"title": info.Title, "version": info.Version, "description": info.About},
		"servers": []any{map[string]any{"url": "/"}},
		"tags":    groups,
		"paths":   paths,
		"components": map[string]any{
			"schemas":         named,
			"securitySchemes": map[string]any{"token": map[string]any{"type": "http", "scheme": "bearer", "description": "Only where the server was started with --token-file."}},
		},
		"security": []any{map[string]any{}, map[string]any{"token": []any{}}},
	}, "", "  ")
}

func (o *Operation) describe() map[string]any {
	out := map[string]any{"operationId": o.ID, "summary": o.Summary, "tags": []string{o.Tag}, "responses": o.responses()}
	if o.About != "" {
		out["description"] = o.About
	}
	var parameters []any
	for _, name := range slices.Sorted(maps.Keys(o.Path)) {
		p := o.Path[name]
		parameters = append(parameters, map[string]any{
			"name": name, "in": "path", "required": true, "description": p.About, "example": p.Example, "schema": &Schema{Type: "string", MinLength: 1},
		})
	}
	if parameters != nil {
		out["parameters"] = parameters
	}
	if o.Request != nil {
		out["requestBody"] = map[string]any{"required": !o.Request.Optional, "content": o.Request.content()}
	}
	return out
}

func (o *Operation) responses() map[string]any {
	answer := map[string]any{"description": "The answer."}
	if o.Answer.Schema != nil {
		answer["content"] = o.Answer.content()
	}
	fault := func(text string) map[string]any {
		out := map[string]any{"description": text}
		switch o.Errors {
		case Errors:
			out["content"] = (&Body{Schema: errorSchema}).content()
		case TextErrors:
			out["content"] = (&Body{Schema: textErrorSchema}).content()
		case ReadyErrors:
			out["content"] = (&Body{Schema: readyErrorSchema}).content()
		case FeastErrors:
			out["content"] = (&Body{Schema: feastErrorSchema}).content()
		}
		return out
	}
	return map[string]any{
		"200": answer,
		"4XX": fault("The request is refused; the message says why and what to do."),
		"5XX": fault("The server can't answer now, or there is a fault of its own, whose text is in its log."),
	}
}

func (b *Body) content() map[string]any {
	media := map[string]any{"schema": b.Schema}
	switch {
	case b.Example != "" && b.mediaType() == "application/json":
		media["example"] = json.RawMessage(b.Example)
	case b.Example != "":
		media["example"] = b.Example
	}
	content := map[string]any{b.mediaType(): media}
	if b.Also != "" {
		content[b.Also] = map[string]any{"schema": &Schema{Type: "string", Format: "binary"}}
	}
	return content
}

var (
	errorSchema = Named("Error", Object("Why a request is refused.", map[string]*Schema{
		"error": Object("", map[string]*Schema{
			"code":    Of("string", "The gRPC code, such as INVALID_ARGUMENT."),
			"reason":  Of("string", "Why, for programs, such as UNKNOWN_MODEL."),
			"message": Of("string", "What is wrong, and what to do."),
		}, "code", "reason", "message"),
	}, "error"))
	feastErrorSchema = Named("FeastError", &Schema{Type: []string{"string", "object"}, Description: "Why a request is refused, as Feast's server has it: a text of a JSON object with module, class and message; " +
		"or, with the status 422, an object with detail."})
	textErrorSchema = Named("TextError", Object("Why a request is refused, as the Open Inference Protocol has it.", map[string]*Schema{
		"error": Of("string", "What is wrong, and what to do."),
	}, "error"))
	readyErrorSchema = Named("ReadyError", Object("Why something is not ready, or why nothing can be said of it.", map[string]*Schema{
		"error": Of("string", "What is wrong, and what to do."),
		"ready": Of("boolean", "False. Absent where the request was refused before."),
		"name":  Of("string", "The model."),
	}, "error"))
)
