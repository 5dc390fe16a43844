package main

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRequested(t *testing.T) {
	f := func(want requested, texts ...string) {
		t.Helper()
		var got requested
		for _, text := range texts {
			if err := got.Set(text); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(namedText{})); diff != "" {
			t.Errorf("%q (-want +got)\n%s", texts, diff)
		}
	}
	f(requested{{"a", "1,2"}, {"b", "3"}}, "a=1,2,b=3")
	f(requested{{"a", "1,2"}, {"b", "3"}}, "a=1,2", "b=3")
	f(requested{{"a", ""}, {"customer:spend", "1"}}, "a=,customer:spend=1")
	f(requested{{"url", "x?y=z,1=2"}}, "url=x?y=z,1=2")
	refused := func(want, text string, before ...namedText) {
		t.Helper()
		r := requested(before)
		if err := r.Set(text); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	refused(`"a" is not NAME=VALUE`, "a")
	refused(`"=1" has no name before =`, "=1")
	refused(`a comes twice; write its values as a=1,2`, "a=2", namedText{"a", "1"})
}

// TestAnAddressThatIsNoGRPCServer: the message says what it is, and what to give.
func TestAnAddressThatIsNoGRPCServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler()}
	defer server.Close()
	go server.Serve(l) //nolint:errcheck // ended by Close
	f := func(code int, want string, args ...string) {
		t.Helper()
		_, errs, got := runLarder(t, args...)
		if got != code || !strings.Contains(errs, want) {
			t.Errorf("larder %v: exit code %d, %s; want %d with %s", args, got, errs, code, want)
		}
	}
	f(1, l.Addr().String()+" answers HTTP, and is not a larder server; set --addr to the gRPC address of one\n", "status", "--addr", l.Addr().String())
	f(2, `--addr: "http://localhost:6571" is not the address of a gRPC server; write it without http://, as in localhost:6570`, "status", "--addr", "http://localhost:6571")
}
