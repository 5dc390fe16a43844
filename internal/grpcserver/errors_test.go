package grpcserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
	"larder/schema"
)

func TestErrors(t *testing.T) {
	var next atomic.Pointer[error]
	s := start(t, grpcserver.Options{}, func(context.Context) error { return *next.Load() })
	f := func(err error, code, httpCode string, httpStatus int, reason, message string) {
		t.Helper()
		next.Store(&err)
		if c, r, m := said(s.echo(t.Context())); c != code || r != reason || m != message {
			t.Errorf("gRPC\ngot  %s %s %q\nwant %s %s %q", c, r, m, code, reason, message)
		}
		status, body := s.ask("POST", "/echo", "")
		var got struct {
			Error struct{ Code, Reason, Message string }
		}
		s.check(json.Unmarshal([]byte(body), &got))
		if e := got.Error; status != httpStatus || e.Code != httpCode || e.Reason != reason || e.Message != message {
			t.Errorf("HTTP\ngot  %d %+v\nwant %d {%s %s %s}", status, e, httpStatus, httpCode, reason, message)
		}
	}
	f(schema.Reason("BAD").ErrorfAs(schema.Invalid, "bad"), "InvalidArgument", "INVALID_ARGUMENT", 400, "BAD", "bad")
	f(schema.Reason("NONE").ErrorfAs(schema.NotFound, "none"), "NotFound", "NOT_FOUND", 404, "NONE", "none")
	f(schema.Reason("STATE").ErrorfAs(schema.FailedPrecondition, "state"), "FailedPrecondition", "FAILED_PRECONDITION", 409, "STATE", "state")
	f(schema.Reason("MANY").ErrorfAs(schema.Exhausted, "many"), "ResourceExhausted", "RESOURCE_EXHAUSTED", 429, "MANY", "many")
	f(schema.Reason("LATER").ErrorfAs(schema.Unavailable, "later"), "Unavailable", "UNAVAILABLE", 503, "LATER", "later")

	// The wrapping text of an error is sent; its cause is not.
	secret := &schema.Error{Kind: schema.Invalid, Reason: "BAD", Message: "bad", Err: errors.New("secret")}
	f(fmt.Errorf("model %q: %w", "m", secret), "InvalidArgument", "INVALID_ARGUMENT", 400, "BAD", `model "m": bad`)
	f(errors.Join(errors.New("secret"), secret), "InvalidArgument", "INVALID_ARGUMENT", 400, "BAD", "bad")
	f(schema.Problems{{Path: "models[0]", Message: "bad"}}, "InvalidArgument", "INVALID_ARGUMENT", 400, "BAD_DEFINITIONS", "models[0]: bad")

	f(fmt.Errorf("read: %w", context.DeadlineExceeded), "DeadlineExceeded", "DEADLINE_EXCEEDED", 504, "DEADLINE_EXCEEDED",
		"the deadline passed before the answer was ready; allow more time or ask for less at once")
	f(context.Canceled, "Canceled", "CANCELLED", 499, "CANCELLED", "the caller cancelled the request")
}

// The text of an internal error is in the log, under the id that the caller gets.
func TestInternalErrorsStayInTheLog(t *testing.T) {
	var next atomic.Pointer[error]
	s := start(t, grpcserver.Options{}, func(context.Context) error { return *next.Load() })
	id := regexp.MustCompile("^internal error; see the server's log, request id ([0-9a-f]{16})$")
	f := func(err error) {
		t.Helper()
		next.Store(&err)
		code, reason, message := said(s.echo(t.Context()))
		if code != "Internal" || reason != "INTERNAL" {
			t.Errorf("%v is answered %s %s", err, code, reason)
		}
		_, body := s.ask("POST", "/echo", "")
		var answer struct{ Error struct{ Message string } }
		s.check(json.Unmarshal([]byte(body), &answer))
		for _, m := range []string{message, answer.Error.Message} {
			match := id.FindStringSubmatch(m)
			if match == nil {
				t.Fatalf("the caller gets %q", m)
			}
			at := strings.Index(s.log.String(), "request_id="+match[1])
			if at < 0 || !strings.Contains(s.log.String(), "secret") {
				t.Errorf("request id %s isn't logged with its text:\n%s", match[1], s.log)
			}
		}
	}
	f(errors.New("secret 1"))
	f(&schema.Error{Kind: schema.Internal, Reason: "CORRUPT_ROW", Message: "secret 2"})
}

func TestPanicsEndTheirOwnRequest(t *testing.T) {
	var calm atomic.Bool
	s := start(t, grpcserver.Options{}, func(context.Context) error {
		if !calm.Load() {
			panic("secret")
		}
		return nil
	})
	if code, reason, message := said(s.echo(t.Context())); code != "Internal" || reason != "INTERNAL" || strings.Contains(message, "secret") {
		t.Errorf("gRPC: %s %s %q", code, reason, message)
	}
	if status, body := s.ask("POST", "/echo", ""); status != 500 || strings.Contains(body, "secret") {
		t.Errorf("HTTP: %d %s", status, body)
	}
	if log := s.log.String(); strings.Count(log, "panicked: secret") != 2 || !strings.Contains(log, "errors_test.go") {
		t.Errorf("the log has not both panics with their stacks:\n%s", log)
	}
	calm.Store(true)
	s.check(s.echo(t.Context()))
	if status, body := s.ask("POST", "/echo", "hello"); status != 200 || body != "hello" {
		t.Errorf("HTTP afterwards: %d %s", status, body)
	}
}

// TestLongErrorsFitTheHeaders: an error of any length reaches a gRPC client that takes
// 8 KiB of headers, in valid UTF-8, and says how much was left out.
func TestLongErrorsFitTheHeaders(t *testing.T) {
	var next atomic.Pointer[error]
	s := start(t, grpcserver.Options{}, func(context.Context) error { return *next.Load() })
	conn, err := grpc.NewClient(s.conn.Target(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithMaxHeaderListSize(8<<10))
	s.check(err)
	defer conn.Close()
	client := larderv1.NewEchoServiceClient(conn)
	f := func(err error, code string) {
		t.Helper()
		next.Store(&err)
		_, got := client.Echo(t.Context(), &larderv1.EchoRequest{})
		c, _, message := said(got)
		if c != code || !strings.Contains(message, "bytes more)") || !utf8.ValidString(message) {
			t.Errorf("%s %q", c, message)
		}
		if code, body := s.ask("POST", "/echo", ""); len(body) > 8<<10 {
			t.Errorf("HTTP: %d, %d bytes", code, len(body))
		}
	}
	for _, letter := range []string{"a", "é", "%", "\n", "🐟", "\xffa"} {
		long := strings.Repeat(letter, 50_000)
		f(schema.BadJSON.Errorf("%s", long), "InvalidArgument")
		f(schema.Problems{{Path: "models[0]", Message: long}}, "InvalidArgument")
		f(status.Error(codes.Aborted, long), "Aborted")
	}
}

// A full queue says when to try again.
func TestRetryAfter(t *testing.T) {
	answer := httptest.NewRecorder()
	grpcserver.WriteError(answer, schema.StreamQueueFull.Errorf("full"))
	if answer.Code != http.StatusTooManyRequests || answer.Header().Get("Retry-After") != "1" {
		t.Errorf("status %d, Retry-After %q", answer.Code, answer.Header().Get("Retry-After"))
	}
}
