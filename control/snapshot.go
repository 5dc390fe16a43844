package control

import (
	"bufio"

	"google.golang.org/grpc"

	larderv1 "larder/api/larder/v1"
)

// snapshotChunk is how many bytes of a snapshot go into one message.
const snapshotChunk = 1 << 20

// SaveSnapshot streams a backup of the online store while it serves.
func (s *Server) SaveSnapshot(_ *larderv1.SaveSnapshotRequest, stream grpc.ServerStreamingServer[larderv1.SaveSnapshotResponse]) error {
	w := bufio.NewWriterSize(chunkWriter{stream}, snapshotChunk)
	if err := s.Online.Save(stream.Context(), w); err != nil {
		return err
	}
	return w.Flush()
}

// A chunkWriter sends what is written to it in messages of bounded size.
type chunkWriter struct {
	stream grpc.ServerStreamingServer[larderv1.SaveSnapshotResponse]
}

func (w chunkWriter) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n := min(len(p), snapshotChunk)
		if err := w.stream.Send(&larderv1.SaveSnapshotResponse{Chunk: p[:n]}); err != nil {
			return written, err
		}
		written, p = written+n, p[n:]
	}
	return written, nil
}
