package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/column/arrows"
	"larder/internal/arrowfile"
	"larder/schema"
)

// The bounds on one call of larder push.
const (
	pushEvents = 5_000
	pushBytes  = 2 << 20
	pushLine   = 1 << 20
)

func newPushCommand() *cobra.Command {
	var p pusher
	cmd := &cobra.Command{
		Use:   "push STREAM FILE...",
		Short: "Append the events of files to the log of a stream",
		Long: `Append events to the log of a stream with push: {}. FILE is JSON (.json: a list of
events), NDJSON (.ndjson, .jsonl: an event a line), Parquet, CSV or Arrow, or - for
NDJSON from standard input. The fields of an event have the names, or the path:, that
the stream's definition gives them; in a table they are columns with the names of the
fields.

Events are sent in calls of up to 5,000. Each call appends all of its events or none.
With --key, sending the same files again appends nothing.`,
		Example: `  larder push payments events.ndjson
  echo '{"id": "a1", "at": "2026-01-31T10:00:00Z"}' | larder push orders -
  larder push payments 2026-01.parquet --key january`,
		Args: wrongArgs(cobra.MinimumNArgs(2)),
	}
	f := cmd.Flags()
	f.StringVar(&p.key, "key", "", "idempotency key; a call that was sent before with it adds nothing, for a day")
	f.BoolVar(&p.served, "wait-served", false, "wait until the server serves the events")
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.run(cmd, c, "pushing", args)
	}
	return cmd
}

// run sends the events of the files args[1:] to the stream args[0], and prints what became
// of them.
func (p *pusher) run(cmd *cobra.Command, c *client, doing string, args []string) error {
	p.stream = args[0]
	return c.with(func(server *larder.Client) error {
		p.service, p.control = larderv1.NewStreamServiceClient(server.Conn()), server.Control
		p.progress = showProgress(cmd, doing, "events")
		err := p.files(cmd.Context(), cmd.InOrStdin(), args[1:])
		p.progress.end()
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd.OutOrStdout(), &p.total)
		}
		fmt.Fprintln(cmd.OutOrStdout(), pushed(&p.total))
		return nil
	})
}

// pushed says what became of events.
func pushed(t *larderv1.PushEventsResponse) string {
	said := fmt.Sprintf("%s appended", counted(t.GetAppended(), "event"))
	for _, x := range []struct {
		n    int64
		what string
	}{{t.GetDuplicates(), "already there"}, {t.GetCorrected(), "of them corrections"}, {t.GetRetracted(), "retracted"}, {t.GetUnknown(), "retractions of unknown ids"}} {
		if x.n > 0 {
			said += fmt.Sprintf(", %s %s", count(x.n), x.what)
		}
	}
	if t.GetRepeated() {
		said += ", all by an earlier push with the same key"
	}
	return said + fmt.Sprintf(" (batch %d)", t.GetBatch())
}

// A pusher sends the events of files.
type pusher struct {
	stream   string
	key      string
	served   bool
	backfill bool
	service  larderv1.StreamServiceClient
	control  larderv1.ControlServiceClient
	progress *progress
	total    larderv1.PushEventsResponse
	calls    int
	sent     int64
}

func (p *pusher) files(ctx context.Context, stdin io.Reader, paths []string) error {
	for _, path := range paths {
		if err := p.file(ctx, stdin, path); err != nil {
			if p.sent > 0 {
				return fmt.Errorf("%s: %w; %s were appended before", path, err, counted(p.sent, "event"))
			}
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func (p *pusher) file(ctx context.Context, stdin io.Reader, path string) error {
	switch ending := strings.ToLower(filepath.Ext(path)); ending {
	case ".gz", ".zst", ".zip", ".bz2", ".xz", ".lz4":
		return fmt.Errorf("it is packed; unpack it first, or send its lines with zcat or the like to larder push %s -", p.stream)
	case ".xlsx", ".xls", ".avro", ".orc", ".tsv", ".xml", ".yaml", ".yml":
		return fmt.Errorf("larder push does not read %s files; write NDJSON, JSON, Parquet, CSV or Arrow", ending)
	case ".parquet", ".pq", ".csv", ".arrow", ".arrows", ".feather", ".ipc":
		return p.tableFile(ctx, path)
	case ".json":
		body, err := readBounded(path)
		if err != nil {
			return err
		}
		return p.send(ctx, &larderv1.PushEventsRequest{Events: &larderv1.PushEventsRequest_Json{Json: body}})
	}
	if path == "-" {
		return p.lines(ctx, stdin)
	}
	f, err := os.Open(path)
	if err != nil {
		return errors.Unwrap(err)
	}
	defer f.Close()
	return p.lines(ctx, f)
}

// maxJSONFile bounds a JSON file, which is sent in one call.
const maxJSONFile = 32 << 20

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, maxJSONFile+1))
	if err == nil && len(body) > maxJSONFile {
		return nil, fmt.Errorf("a JSON file is sent in one call, and may have %d MiB; write the events one a line, as NDJSON", maxJSONFile>>20)
	}
	return body, err
}

// lines sends NDJSON.
func (p *pusher) lines(ctx context.Context, in io.Reader) error {
	scanner := bufio.NewScanner(in)
	scanner.Buffer(make([]byte, 64<<10), pushLine+1)
	var body bytes.Buffer
	n, line := 0, 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		err := p.send(ctx, &larderv1.PushEventsRequest{Events: &larderv1.PushEventsRequest_Json{Json: body.Bytes()}})
		body.Reset()
		n = 0
		return err
	}
	for scanner.Scan() {
		line++
		if len(bytes.TrimSpace(scanner.Bytes())) == 0 {
			continue
		}
		body.Write(scanner.Bytes())
		body.WriteByte('\n')
		if n++; n >= pushEvents || body.Len() >= pushBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := scanner.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return fmt.Errorf("line %d has more than %d bytes; an event may have as many", line+1, pushLine)
		}
		return err
	}
	return flush()
}

// types returns the types of a CSV file's columns: those of the stream's fields. Other
// files have their own.
func (p *pusher) types(ctx context.Context, path string) (map[string]arrow.DataType, error) {
	if strings.ToLower(filepath.Ext(path)) != ".csv" {
		return nil, nil
	}
	found, err := p.control.GetDefinition(ctx, &larderv1.GetDefinitionRequest{Name: p.stream, Kind: schema.KindStream})
	if err != nil {
		return nil, err
	}
	var s schema.Stream
	if err := json.Unmarshal([]byte(found.GetJson()), &s); err != nil {
		return nil, fmt.Errorf("the definition of stream %q: %w", p.stream, err)
	}
	types := map[string]arrow.DataType{}
	for _, f := range s.Fields {
		types[f.Name] = arrows.Type(f.Type)
	}
	return types, nil
}

// tableFile sends the rows of a table, as Arrow.
func (p *pusher) tableFile(ctx context.Context, path string) error {
	types, err := p.types(ctx, path)
	if err != nil {
		return err
	}
	in, err := arrowfile.Open(ctx, path, types)
	if err != nil {
		return arrowfile.Explain(path, err)
	}
	defer in.Close()
	for in.Next() {
		rec := in.Record()
		for from := int64(0); from < rec.NumRows(); from += pushEvents {
			part := rec.NewSlice(from, min(from+pushEvents, rec.NumRows()))
			var body bytes.Buffer
			out := ipc.NewWriter(&body, ipc.WithSchema(part.Schema()))
			err := errors.Join(out.Write(part), out.Close())
			part.Release()
			if err == nil {
				err = p.send(ctx, &larderv1.PushEventsRequest{Events: &larderv1.PushEventsRequest_Arrow{Arrow: body.Bytes()}})
			}
			if err != nil {
				return err
			}
		}
	}
	return in.Err()
}

// send sends one call.
func (p *pusher) send(ctx context.Context, req *larderv1.PushEventsRequest) error {
	req.Stream, req.WaitServed, req.Backfill = p.stream, p.served, p.backfill
	if p.key != "" {
		req.IdempotencyKey = fmt.Sprintf("%s/%d", p.key, p.calls)
	}
	p.calls++
	done, err := p.service.PushEvents(ctx, req)
	if err != nil {
		return err
	}
	t := &p.total
	t.Batch, t.CommittedAt = done.GetBatch(), done.GetCommittedAt()
	t.Appended += done.GetAppended()
	t.Duplicates += done.GetDuplicates()
	t.Corrected += done.GetCorrected()
	t.Retracted += done.GetRetracted()
	t.Unknown += done.GetUnknown()
	t.Repeated = done.GetRepeated()
	p.sent += done.GetAppended()
	p.progress.set(p.sent, 0)
	return nil
}
