package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
)

func newStreamBackfillCommand() *cobra.Command {
	p := pusher{backfill: true}
	var query, until string
	cmd := &cobra.Command{
		Use:   "backfill STREAM [FILE...]",
		Short: "Append events of the past to the log of a stream",
		Long: `Append events of the past, of any age, also to a stream that has a source: what a
query gives that the server runs in its Postgres, or files as larder push takes them.
Let the live source begin where the past ends (--until). Events that are in both must
have an event_id, by which the second one is recognized.

A query has a column for each field of the stream, by its name; WITH and casts are
fine. Its rows are appended in batches while it runs. What can't be an event becomes a
dead letter. When the command is interrupted, the backfill ends; run it again, and
events that are there already count as duplicates.

The events get the stamp of now: by default a training set counts an event from its
stamp on, since serving could not have known it before. Build training sets over
backfilled events with --as-of event_time.`,
		Example: `  larder stream backfill payments --query 'SELECT id, card_id, amount, happened FROM old.payments' --until 2026-01-31T00:00:00Z
  larder stream backfill payments 2025.parquet --key 2025`,
		Args: wrongArgs(cobra.MinimumNArgs(1)),
	}
	f := cmd.Flags()
	f.StringVar(&query, "query", "", "a SELECT that the server runs in its Postgres, instead of files")
	f.StringVar(&until, "until", "", "only events with an earlier event time (RFC 3339); with --query")
	f.StringVar(&p.key, "key", "", "idempotency key of files; a call that was sent before with it adds nothing, for a day")
	cmd.MarkFlagsMutuallyExclusive("query", "key")
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		moment, err := parseMoment("--until", until)
		switch {
		case err != nil:
			return err
		case query != "" && len(args) > 1:
			return usageError("give either --query or files")
		case query != "":
			return backfillQuery(cmd, c, &larderv1.BackfillStreamRequest{Stream: args[0], Query: query, Until: moment})
		case cmd.Flags().Changed("query"):
			return usageError("--query is empty; write a SELECT with a column for each field of the stream")
		case moment != nil:
			return usageError("--until goes with --query; leave later events out of the files")
		case len(args) < 2:
			return usageError("there is nothing to append; give --query 'SELECT …', or files")
		}
		return p.run(cmd, c, "backfilling", args)
	}
	return cmd
}

// backfillQuery has the server append what a query gives.
func backfillQuery(cmd *cobra.Command, c *client, req *larderv1.BackfillStreamRequest) error {
	return c.withStreams(func(s larderv1.StreamServiceClient) error {
		began := time.Now()
		p := showProgress(cmd, "backfilling", "rows")
		done, err := followBackfill(cmd, s, req, p)
		p.end()
		if err != nil {
			return stoppedBackfill(cmd, req, done, err)
		}
		if c.json {
			return printJSON(cmd.OutOrStdout(), done)
		}
		took := time.Since(began)
		fmt.Fprintf(cmd.OutOrStdout(), "%s (%s, %s rows per second)\n", backfilled(done), took.Round(10*time.Millisecond), count(int64(float64(done.GetRows())/took.Seconds())))
		if done.GetDeadLetters() > 0 {
			fmt.Fprintf(cmd.OutOrStdout(), "larder stream dead %s shows the rows that could not become events\n", req.GetStream())
		}
		return nil
	})
}

// followBackfill returns the last that the server told, also with an error.
func followBackfill(cmd *cobra.Command, s larderv1.StreamServiceClient, req *larderv1.BackfillStreamRequest, p *progress) (*larderv1.BackfillStreamResponse, error) {
	last := new(larderv1.BackfillStreamResponse)
	answers, err := s.BackfillStream(cmd.Context(), req)
	if err != nil {
		return last, err
	}
	for {
		next, err := answers.Recv()
		switch {
		case errors.Is(err, io.EOF) && last.GetDone():
			return last, nil
		case errors.Is(err, io.EOF):
			return last, errors.New("the server ended the call too early")
		case err != nil:
			return last, err
		}
		last = next
		note := fmt.Sprintf("%s appended, %s already there, %s dead", count(next.GetAppended()), count(next.GetDuplicates()), count(next.GetDeadLetters()))
		p.note.Store(&note)
		p.set(next.GetRows(), 0)
	}
}

// backfilled says what became of the rows of a query.
func backfilled(b *larderv1.BackfillStreamResponse) string {
	said := fmt.Sprintf("%s read, %s appended", counted(b.GetRows(), "row"), counted(b.GetAppended(), "event"))
	for _, x := range []struct {
		n    int64
		what string
	}{{b.GetDuplicates(), "already there"}, {b.GetRetracted(), "retracted"}, {b.GetUnknown(), "retractions of unknown ids"}, {b.GetDeadLetters(), "dead letters"}} {
		if x.n > 0 {
			said += fmt.Sprintf(", %s %s", count(x.n), x.what)
		}
	}
	return said + fmt.Sprintf(", batch %d", b.GetBatch())
}

// stoppedBackfill says how far a backfill came that did not end, and how to go on.
func stoppedBackfill(cmd *cobra.Command, req *larderv1.BackfillStreamRequest, b *larderv1.BackfillStreamResponse, err error) error {
	if cmd.Context().Err() != nil {
		err = errors.New("interrupted, and the backfill with it")
	}
	if b.GetRows() == 0 {
		return err
	}
	rest := "run it again to go on: events that are there count as duplicates"
	if b.DownTo != nil {
		rest = "go on with --until " + time.UnixMicro(b.GetDownTo()).UTC().Format(time.RFC3339Nano)
	}
	return fmt.Errorf("%w; before that, at least: %s; %s", err, backfilled(b), rest)
}
