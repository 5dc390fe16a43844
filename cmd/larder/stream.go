package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/schema"
)

func newStreamCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stream",
		Short: "See how streams do, and pause, resume, seek, retry and rebuild",
		Long: `A stream brings events from Kafka, RabbitMQ, NATS, a table of Postgres or calls into
its log, a table in Postgres; every server follows the log and keeps the views that
are made of it up to date. docs/streams.md explains it.`,
		Example: "  larder stream status",
		Args:    cobra.ArbitraryArgs, RunE: runSubcommand,
	}
	cmd.AddCommand(newStreamStatusCommand(),
		newStreamChange("pause", "Stop reading a stream's source, on whatever server", func(cmd *cobra.Command, s larderv1.StreamServiceClient, name string) error {
			_, err := s.PauseStream(cmd.Context(), &larderv1.PauseStreamRequest{Stream: name})
			return err
		}, "%s is paused; larder stream resume %[1]s reads on"),
		newStreamChange("resume", "Start reading a stream's source again, after a pause or failure", func(cmd *cobra.Command, s larderv1.StreamServiceClient, name string) error {
			_, err := s.ResumeStream(cmd.Context(), &larderv1.ResumeStreamRequest{Stream: name})
			return err
		}, "%s is read again"),
		newStreamSeekCommand(), newStreamDeadCommand(), newStreamRetryCommand(), newStreamBackfillCommand(), newStreamRebuildCommand())
	return cmd
}

// withStreams calls do with the streams of a server.
func (c *client) withStreams(do func(larderv1.StreamServiceClient) error) error {
	return c.with(func(server *larder.Client) error { return do(larderv1.NewStreamServiceClient(server.Conn())) })
}

func newStreamChange(verb, short string, do func(*cobra.Command, larderv1.StreamServiceClient, string) error, said string) *cobra.Command {
	cmd := &cobra.Command{Use: verb + " STREAM", Short: short, Example: "  larder stream " + verb + " payments", Args: wrongArgs(cobra.ExactArgs(1))}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.withStreams(func(s larderv1.StreamServiceClient) error {
			if err := do(cmd, s, args[0]); err != nil {
				return err
			}
			if c.json {
				return printJSON(cmd.OutOrStdout(), &larderv1.ResumeStreamResponse{})
			}
			fmt.Fprintf(cmd.OutOrStdout(), said+"\n", args[0])
			return nil
		})
	}
	return cmd
}

func newStreamStatusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "status [STREAM]", Short: "Show what streams do, and how far their views are",
		Example: "  larder stream status\n  larder stream status payments --json", Args: wrongArgs(cobra.MaximumNArgs(1)),
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.withStreams(func(s larderv1.StreamServiceClient) error {
			answer, err := s.GetStreams(cmd.Context(), &larderv1.GetStreamsRequest{Stream: strings.Join(args, "")})
			if err != nil {
				return err
			}
			if c.json {
				return printJSON(cmd.OutOrStdout(), answer)
			}
			return printStreams(cmd.OutOrStdout(), answer.GetStreams(), len(args) > 0, time.Now())
		})
	}
	return cmd
}

func printStreams(w io.Writer, streams []*larderv1.StreamState, parts bool, now time.Time) error {
	if len(streams) == 0 {
		fmt.Fprintln(w, "there are no streams; declare some under streams: and apply them")
		return nil
	}
	var rows, views, of [][]string
	var errs []string
	for _, s := range streams {
		lag := &larderv1.StreamPart{}
		if len(s.GetParts()) > 0 {
			lag.Lag = -1
		}
		for _, p := range s.GetParts() {
			if p.GetLag() >= 0 {
				lag.Lag = max(lag.GetLag(), 0) + p.GetLag()
			}
			lag.LagBytes += p.GetLagBytes()
			of = append(of, []string{s.GetStream(), p.GetPart(), strconv.FormatInt(p.GetNext(), 10), lagText(p)})
		}
		rows = append(rows, []string{s.GetStream(), s.GetSource(), s.GetState(), s.GetServer(), strconv.FormatInt(s.GetBatch(), 10), clock(s.GetAt(), now), lagText(lag), count(s.GetDeadLetters())})
		if s.GetError() != "" {
			errs = append(errs, fmt.Sprintf("%s: %s", s.GetStream(), s.GetError()))
		}
		for _, v := range s.GetViews() {
			state := "up to date"
			switch {
			case v.GetBuilding():
				state = fmt.Sprintf("building (%s read)", counted(v.GetEvents(), "event"))
			case v.GetBatch() < s.GetBatch():
				state = fmt.Sprintf("%s behind", counted(s.GetBatch()-v.GetBatch(), "batch"))
			}
			views = append(views, []string{v.GetFeatureView(), s.GetStream(), strconv.FormatInt(v.GetBatch(), 10), state, clock(v.GetAt(), now), unknownIf(v.GetWorstBytes() == 0, count(v.GetWorstBytes()))})
		}
	}
	if err := table(w, "STREAM SOURCE STATE SERVER BATCH AT LAG DEAD", rows); err != nil {
		return err
	}
	for _, e := range errs {
		fmt.Fprintln(w, e)
	}
	if len(views) > 0 {
		fmt.Fprintln(w)
		if err := table(w, "VIEW STREAM BATCH STATE AT MOST-BYTES-A-KEY", views); err != nil {
			return err
		}
	}
	if parts && len(of) > 0 {
		fmt.Fprintln(w)
		return table(w, "STREAM PART NEXT LAG", of)
	}
	return nil
}

// lagText says how far the log is behind: messages or, where Postgres only knows how much
// of its own log is kept, bytes.
func lagText(p *larderv1.StreamPart) string {
	if p.GetLag() < 0 && p.GetLagBytes() > 0 {
		return count(p.GetLagBytes()) + " bytes"
	}
	return unknownIf(p.GetLag() < 0, count(p.GetLag()))
}

func unknownIf(unknown bool, text string) string {
	if unknown {
		return "-"
	}
	return text
}

func newStreamSeekCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "seek STREAM [PART=OFFSET...]",
		Short: "Read a stream's source on from other positions",
		Long: `Read a stream's source on from other positions. Without any, it begins where start:
says, as if it had never been read. Events that are in the log already count as
duplicates if the stream has an event_id; without one they would count twice, so
seek back only where it has one. larder stream status STREAM shows the parts.`,
		Example: "  larder stream seek payments 0=120000 1=118000\n  larder stream seek payments",
		Args:    wrongArgs(cobra.MinimumNArgs(1)),
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req := &larderv1.SeekStreamRequest{Stream: args[0]}
		for _, word := range args[1:] {
			part, text, _ := strings.Cut(word, "=")
			next, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return usageError(fmt.Sprintf("%q is not a position; write PART=OFFSET, as in 0=120000", word))
			}
			req.Parts = append(req.Parts, &larderv1.StreamPart{Part: part, Next: next})
		}
		return c.withStreams(func(s larderv1.StreamServiceClient) error {
			answer, err := s.SeekStream(cmd.Context(), req)
			if err != nil {
				return err
			}
			if c.json {
				return printJSON(cmd.OutOrStdout(), answer)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is read on from there\n", args[0])
			return nil
		})
	}
	return cmd
}

func newStreamDeadCommand() *cobra.Command {
	req := new(larderv1.ListDeadLettersRequest)
	cmd := &cobra.Command{
		Use: "dead STREAM", Short: "Show messages that could not become events, newest first",
		Example: "  larder stream dead payments\n  larder stream dead payments --limit 100 --json", Args: wrongArgs(cobra.ExactArgs(1)),
	}
	f := cmd.Flags()
	f.Int32Var(&req.Limit, "limit", 20, "how many to show, at most 1000")
	f.Int64Var(&req.Before, "before", 0, "only those with a smaller id")
	f.BoolVar(&req.Retried, "retried", false, "also those that were appended after all")
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req.Stream = args[0]
		return c.withStreams(func(s larderv1.StreamServiceClient) error {
			answer, err := s.ListDeadLetters(cmd.Context(), req)
			if err != nil {
				return err
			}
			if c.json {
				return printJSON(cmd.OutOrStdout(), answer)
			}
			return printDead(cmd.OutOrStdout(), args[0], answer.GetDeadLetters(), time.Now())
		})
	}
	return cmd
}

func printDead(w io.Writer, stream string, letters []*larderv1.DeadLetter, now time.Time) error {
	if len(letters) == 0 {
		fmt.Fprintf(w, "%s has no dead letters\n", stream)
		return nil
	}
	var rows [][]string
	for _, d := range letters {
		rows = append(rows, []string{strconv.FormatInt(d.GetId(), 10), clock(d.GetAt(), now), d.GetPart() + ":" + strconv.FormatInt(d.GetOffset(), 10), d.GetReason(), d.GetDetail(), shownMessage(d.GetMessage())})
	}
	return table(w, "ID AT POSITION REASON DETAIL MESSAGE", rows)
}

// shownMessage returns the beginning of a message, as far as it is text.
func shownMessage(message []byte) string {
	const most = 60
	if !utf8.Valid(message) {
		return fmt.Sprintf("%x", message[:min(len(message), most/2)])
	}
	text := schema.Cut(string(message[:min(len(message), 4*most)]), most)
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
}

func newStreamRetryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "retry STREAM [ID...]", Short: "Decode dead letters again, and append those that are events now",
		Example: "  larder stream retry payments\n  larder stream retry payments 17 18", Args: wrongArgs(cobra.MinimumNArgs(1)),
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req := &larderv1.RetryDeadLettersRequest{Stream: args[0]}
		for _, word := range args[1:] {
			id, err := strconv.ParseInt(word, 10, 64)
			if err != nil {
				return usageError(fmt.Sprintf("%q is not the id of a dead letter; larder stream dead %s shows them", word, args[0]))
			}
			req.Ids = append(req.Ids, id)
		}
		return c.withStreams(func(s larderv1.StreamServiceClient) error {
			answer, err := s.RetryDeadLetters(cmd.Context(), req)
			if err != nil {
				return err
			}
			if c.json {
				return printJSON(cmd.OutOrStdout(), answer)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s appended, %s already there, %s still dead\n", counted(answer.GetAppended(), "event"), count(answer.GetDuplicates()), count(answer.GetStillDead()))
			return nil
		})
	}
	return cmd
}

func newStreamRebuildCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "rebuild VIEW", Short: "Build a view of a stream again from its log, on this server",
		Example: "  larder stream rebuild card_activity", Args: wrongArgs(cobra.ExactArgs(1)),
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.withStreams(func(s larderv1.StreamServiceClient) error {
			answer, err := s.RebuildView(cmd.Context(), &larderv1.RebuildViewRequest{FeatureView: args[0]})
			if err != nil {
				return err
			}
			if c.json {
				return printJSON(cmd.OutOrStdout(), answer)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is built again; larder stream status shows how far it is\n", args[0])
			return nil
		})
	}
	return cmd
}
