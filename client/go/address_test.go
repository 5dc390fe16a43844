package larder_test

import (
	"testing"

	larder "larder/client/go"
)

func TestAddresses(t *testing.T) {
	f := func(addr, want string) {
		t.Helper()
		var got string
		if c, err := larder.Dial(addr, larder.Options{}); err != nil {
			got = err.Error()
		} else {
			got = c.Conn().Target()
			c.Close()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
	f("127.0.0.1:6570", "127.0.0.1:6570")
	f(":7000", ":7000")
	f("localhost", "localhost:6570")
	f("::1", "[::1]:6570")
	f("[::1]", "[::1]:6570")
	f("[::1]:7000", "[::1]:7000")
	f("dns:///larder.example:6570", "dns:///larder.example:6570")
	f("unix:/run/larder.sock", "unix:/run/larder.sock")
	f("http://localhost:6571", `"http://localhost:6571" is not the address of a gRPC server; write it without http://, as in localhost:6570`)
	f("https://features.example/v1", `"https://features.example/v1" is not the address of a gRPC server; write it without https://, as in features.example:6570`)
	f("grpc://localhost:7000", `"grpc://localhost:7000" is not the address of a gRPC server; write it without grpc://, as in localhost:6570`)
}
