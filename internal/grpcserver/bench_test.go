package grpcserver_test

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
)

// BenchmarkShell is an echo over loopback, bare and in the shell. The difference is the
// cost of the shell.
func BenchmarkShell(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		server := grpc.NewServer()
		larderv1.RegisterEchoServiceServer(server, echo{answer: nothing})
		ended := make(chan error)
		go func() { ended <- server.Serve(l) }()
		conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			b.Fatal(err)
		}
		call(b, larderv1.NewEchoServiceClient(conn))
		if err := conn.Close(); err != nil {
			b.Fatal(err)
		}
		server.Stop()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
	})
	b.Run("shell", func(b *testing.B) { call(b, start(b, grpcserver.Options{}, nothing).client) })
}

func call(b *testing.B, client larderv1.EchoServiceClient) {
	req := &larderv1.EchoRequest{Payload: make([]byte, 100)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Echo(context.Background(), req); err != nil {
			b.Fatal(err)
		}
	}
}
