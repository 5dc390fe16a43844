package streams

import (
	"context"
	"math"
	"strings"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/column"
	"larder/schema"
	"larder/store/eventlog"
	"larder/store/offline"
	"larder/stream"
)

// toldEvery is how often a caller is told how far a backfill is.
const toldEvery = 500 * time.Millisecond

// BackfillStream appends events of the past, which a query gives.
func (s *Server) BackfillStream(req *larderv1.BackfillStreamRequest, to larderv1.StreamService_BackfillStreamServer) error {
	if err := s.reachable(); err != nil {
		return err
	}
	if strings.TrimSpace(req.GetQuery()) == "" {
		return schema.BadBackfill.Errorf("stream %q: the backfill has no query; send a SELECT with a column for each field of the stream", req.GetStream())
	}
	last := new(larderv1.BackfillStreamResponse)
	var told time.Time
	err := s.Runner.Backfill(to.Context(), &stream.Backfill{
		Stream: req.GetStream(), Until: req.Until,
		Read: func(ctx context.Context, of *schema.Stream, keys []string, newestFirst bool, visit func(*stream.Piece) error) error {
			past := &offline.Past{Stream: of, Query: req.GetQuery(), Keys: keys, Until: req.Until, NewestFirst: newestFirst}
			return s.Offline.Past(ctx, past, func(columns []column.Column, bad []offline.Unreadable) error {
				return visit(pieceOf(of, columns, bad))
			})
		},
		Told: func(b *stream.Backfilled) error {
			last = backfilled(b)
			if time.Since(told) < toldEvery {
				return nil
			}
			told = time.Now()
			return to.Send(last)
		},
	})
	last.Done = err == nil
	if told := to.Send(last); err == nil {
		err = told
	}
	return err
}

func backfilled(b *stream.Backfilled) *larderv1.BackfillStreamResponse {
	out := &larderv1.BackfillStreamResponse{
		Rows: b.Rows, Appended: b.Appended, Duplicates: b.Duplicate, Retracted: b.Retracted, Unknown: b.Unknown, DeadLetters: b.Dead, Batch: b.Seq,
	}
	if b.DownTo != math.MaxInt64 {
		downTo := b.DownTo // it changes
		out.DownTo = &downTo
	}
	return out
}

// pieceOf returns rows that have the fields of a stream.
func pieceOf(s *schema.Stream, columns []column.Column, bad []offline.Unreadable) *stream.Piece {
	piece := &stream.Piece{Events: eventlog.NewEvents(s, 0)}
	for i := range columns {
		withValid(&columns[i])
	}
	piece.Events.Fields = columns
	for _, b := range bad {
		piece.Bad = append(piece.Bad, stream.BadRow{Before: b.Before, Reason: strings.ToUpper(string(b.Reason)), Detail: b.Detail, Row: b.Row, Bytes: b.Bytes})
	}
	return piece
}
