package larder

import (
	"context"
	"errors"
	"fmt"
	"io"

	larderv1 "larder/api/larder/v1"
)

// PutModel sends a model file of size bytes to the server's registry, where
// definitions and versions name it by its SHA-256, in hexadecimal. The server
// refuses a file that doesn't match.
func (c *Client) PutModel(ctx context.Context, sha256 string, size int64, file io.Reader) error {
	stream, err := c.Control.PutModel(ctx)
	if err != nil {
		return err
	}
	chunk := make([]byte, 1<<20)
	for {
		n, err := io.ReadFull(file, chunk)
		if n > 0 {
			if sendErr := stream.Send(&larderv1.PutModelRequest{Sha256: sha256, Size: size, Chunk: chunk[:n]}); sendErr != nil {
				break // CloseAndRecv says why
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the model file: %w", err)
		}
	}
	_, err = stream.CloseAndRecv()
	return err
}

// Materialize runs the views that a request names and waits for them. It calls
// progress, when not nil, with each state of the runs and returns the last one,
// also with an error. A run that failed says so in its state, not in the error.
func (c *Client) Materialize(ctx context.Context, req *larderv1.MaterializeRequest, progress func([]*larderv1.Run)) ([]*larderv1.Run, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.Control.Materialize(ctx, req)
	if err != nil {
		return nil, err
	}
	var runs []*larderv1.Run
	for {
		msg, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return runs, nil
		}
		if err != nil {
			return runs, err
		}
		runs = msg.GetRuns()
		if progress != nil {
			progress(runs)
		}
	}
}
