package bench

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"runtime"

	"google.golang.org/grpc"

	larderv1 "larder/api/larder/v1"
	"larder/internal/launch"
)

// MaxEchoBytes bounds an answer of the echo.
const MaxEchoBytes = 64 << 20

type echoServer struct {
	larderv1.UnimplementedEchoServiceServer
	zeros []byte
}

func (e echoServer) Echo(_ context.Context, req *larderv1.EchoRequest) (*larderv1.EchoResponse, error) {
	return &larderv1.EchoResponse{Payload: e.zeros[:min(int(req.GetAnswerBytes()), len(e.zeros))]}, nil
}

// ServeEcho serves the echo on a free port of the loopback until ctx ends. It
// writes a line of JSON with its address to out, as larder serve does.
func ServeEcho(ctx context.Context, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	// The stream workers are what internal/grpcserver sets; the ratio is not to
	// compare settings.
	server := grpc.NewServer(grpc.MaxRecvMsgSize(MaxEchoBytes), grpc.NumStreamWorkers(uint32(4*runtime.GOMAXPROCS(0))))
	larderv1.RegisterEchoServiceServer(server, echoServer{zeros: make([]byte, MaxEchoBytes)})
	if err := json.NewEncoder(out).Encode(map[string]string{"msg": launch.ServingLine, "grpc": l.Addr().String()}); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, server.Stop)
	defer stop()
	return server.Serve(l)
}
