// Package demo runs Larder's main job on simulated card transactions. It starts a
// private Postgres and a server, and then runs the larder commands that a user would
// run. It prints each command before running it.
package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/examples/fraud"
	"larder/internal/launch"
	"larder/internal/pgdev"
)

// Options say where and how the demo runs. All except Data are required.
type Options struct {
	Larder  string       // path of the larder binary
	Dir     string       // the folder for everything
	Data    fraud.Config // what to simulate; zero means half a year of 5,000 customers
	Out     io.Writer
	Loading func(done, total int64) // called with the progress of loading
	Loaded  func()                  // called when loading has ended
	Stay    bool                    // keep serving until ctx ends
}

// A Report is what the demo measured.
type Report struct {
	RowsLoaded        int64   `json:"rows_loaded"`
	RowsMaterialized  int64   `json:"rows_materialized"`
	RowsPerSecond     float64 `json:"rows_per_second"`
	Scored            int     `json:"scored"`
	AUC               float64 `json:"auc"`
	P50               float64 `json:"p50_us"`
	P99               float64 `json:"p99_us"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	AUCWindows        float64 `json:"auc_windows"`
	EventsPerSecond   float64 `json:"events_per_second"` // scored and pushed
	FreshP50          float64 `json:"fresh_p50_us"`      // from the push of an event until the windows have it
	FreshP99          float64 `json:"fresh_p99_us"`
}

// Run runs the demo and writes its report to demo.json in the folder.
func Run(ctx context.Context, opts Options) error {
	d := &demo{Options: opts, home: filepath.Join(opts.Dir, "demo")}
	if err := os.MkdirAll(d.home, 0o755); err != nil {
		return err
	}
	fmt.Fprintln(d.Out, "Starting a private Postgres in", d.home)
	cluster, err := pgdev.Start(ctx, pgdev.Options{Dir: filepath.Join(d.home, "postgres")})
	if err != nil {
		return err
	}
	defer cluster.Stop()
	if err := d.load(ctx, cluster.DSN()); err != nil {
		return err
	}
	sources, err := cluster.SourcesDSN(ctx)
	if err != nil {
		return err
	}
	server, err := d.serve(ctx, cluster.DSN(), sources)
	if err != nil {
		return err
	}
	defer server.Stop()
	if err := d.fill(ctx, server.GRPC); err != nil {
		return err
	}
	if err := d.scoreLastDay(ctx, cluster.DSN(), server.GRPC); err != nil {
		return err
	}
	if err := d.check(ctx, server.GRPC); err != nil {
		return err
	}
	if err := d.report(server); err != nil {
		return err
	}
	if !d.Stay {
		fmt.Fprintln(d.Out, "\nThe server stops now; on a terminal it would keep serving.")
		return nil
	}
	fmt.Fprintln(d.Out, "\nServing until Ctrl-C.")
	<-ctx.Done()
	return nil
}

type demo struct {
	Options
	home    string
	lastDay time.Time
	last    fraud.Transaction // the last one that was scored
	figures Report
}

// load simulates transactions and fills the tables. Nothing is left of an earlier demo.
func (d *demo) load(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "DROP SCHEMA IF EXISTS larder CASCADE"); err != nil {
		return err
	}
	for _, dir := range []string{d.data(), d.log()} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	fmt.Fprintln(d.Out, "Simulating card transactions and loading them")
	loaded, err := fraud.Load(ctx, conn, d.Data, d.Loading)
	d.Loaded()
	if err != nil {
		return err
	}
	d.lastDay = loaded.LastDay
	d.figures.RowsLoaded = loaded.Transactions + loaded.CustomerRows + loaded.TerminalRows
	fmt.Fprintf(d.Out, "Loaded %s transactions (%s of them fraud), %s daily rows of customers and %s of terminals\n",
		thousands(loaded.Transactions), thousands(loaded.Frauds), thousands(loaded.CustomerRows), thousands(loaded.TerminalRows))
	return nil
}

// serve starts a server on the usual ports or, if one is taken, on free ports.
func (d *demo) serve(ctx context.Context, dsn, sources string) (*launch.Process, error) {
	start := func(grpcAddr, httpAddr string) (*launch.Process, error) {
		return launch.Start(ctx, d.Larder, []string{
			"serve", "--postgres", dsn, "--source-postgres", sources, "--data", d.data(), "--name", "demo", "--feature-log", d.log(),
			"--grpc-addr", grpcAddr, "--http-addr", httpAddr, "--log-format", "json",
		}, filepath.Join(d.home, "serve.log"))
	}
	server, err := start("127.0.0.1:6570", "127.0.0.1:6571")
	if err != nil && strings.Contains(err.Error(), "address already in use") {
		server, err = start("127.0.0.1:0", "127.0.0.1:0")
	}
	if err == nil {
		fmt.Fprintf(d.Out, "\nlarder serve answers gRPC on %s and HTTP on %s; its log is %s\n", server.GRPC, server.HTTP, filepath.Join(d.home, "serve.log"))
	}
	return server, err
}

// fill applies the definitions, materializes up to the start of the last day, and gives
// the stream the events of the days before it that its longest windows reach back to.
func (d *demo) fill(ctx context.Context, addr string) error {
	definitions := filepath.Join(d.home, "definitions")
	if err := os.RemoveAll(definitions); err != nil {
		return err
	}
	if err := os.CopyFS(definitions, fraud.Definitions()); err != nil {
		return fmt.Errorf("write the definitions: %w", err)
	}
	if err := d.run(ctx, "apply", definitions, "--addr", addr); err != nil {
		return err
	}
	if err := d.run(ctx, "materialize", "--full", "--to", d.lastDay.Format(time.RFC3339), "--addr", addr); err != nil {
		return err
	}
	if err := d.materialized(ctx, addr); err != nil {
		return err
	}
	query := fmt.Sprintf("SELECT transaction_id, customer_id, terminal_id, amount, event_time FROM fraud.transactions WHERE event_time >= '%s'",
		d.lastDay.AddDate(0, 0, -8).Format(time.RFC3339))
	return d.run(ctx, "stream", "backfill", stream, "--query", query, "--until", d.lastDay.Format(time.RFC3339), "--addr", addr)
}

// check shows that serving and training see the same data. It compares rows with their
// source, scores logged vectors again, and compares vectors with a training set.
func (d *demo) check(ctx context.Context, addr string) error {
	if err := d.run(ctx, "verify", "--all", "--addr", addr); err != nil {
		return err
	}
	if err := d.run(ctx, "replay", "--log", d.log(), "--addr", addr); err != nil {
		return err
	}
	return d.run(ctx, "skew", "--log", d.log(), "--addr", addr)
}

// data is the folder of the server's store, log that of the feature log.
func (d *demo) data() string { return filepath.Join(d.home, "data") }
func (d *demo) log() string  { return filepath.Join(d.home, "log") }

// run prints a larder command and runs it as a user would.
func (d *demo) run(ctx context.Context, args ...string) error {
	words := make([]string, len(args))
	for i, a := range args {
		if words[i] = a; strings.Contains(a, " ") {
			words[i] = `"` + a + `"`
		}
	}
	fmt.Fprintf(d.Out, "\n$ larder %s\n", strings.Join(words, " "))
	cmd := exec.CommandContext(ctx, d.Larder, args...)
	cmd.Stdout, cmd.Stderr = d.Out, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("larder %s: %w", args[0], err)
	}
	return nil
}

// materialized reads the figures of the runs from the server.
func (d *demo) materialized(ctx context.Context, addr string) error {
	client, err := larder.Dial(addr, larder.Options{})
	if err != nil {
		return err
	}
	defer client.Close()
	status, err := client.Control.GetStatus(ctx, &larderv1.GetStatusRequest{})
	if err != nil {
		return err
	}
	var first, last int64
	for _, v := range status.GetViews() {
		run := v.GetLastRun()
		if run == nil {
			continue // a view of the stream
		}
		d.figures.RowsMaterialized += run.GetRowsRead()
		if first == 0 || run.GetStartedAt() < first {
			first = run.GetStartedAt()
		}
		last = max(last, run.GetEndedAt())
	}
	if last > first {
		d.figures.RowsPerSecond = float64(d.figures.RowsMaterialized) / time.Duration(1000*(last-first)).Seconds()
	}
	return nil
}

// thousands prints a figure without a fraction, as 1,234,567.
func thousands[N int | int64 | float64](n N) string {
	text := strconv.FormatInt(int64(math.Round(float64(n))), 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// millis prints microseconds as milliseconds.
func millis(micros float64) string { return strconv.FormatFloat(micros/1000, 'f', 1, 64) }

// report prints the figures, writes them to a file, and shows commands to try.
func (d *demo) report(server *launch.Process) error {
	f := d.figures
	fmt.Fprintf(d.Out, `
rows loaded             %s
rows materialized       %s (%s per second)
transactions scored     %s, each in a request of its own, %d in flight
latency p50, p99        %s µs, %s µs
requests per second     %s
events per second       %s, each pushed once it was scored
freshness p50, p99      %s ms, %s ms from the push of an event until the windows have it
AUC, last day           %.4f; %.4f with windows

Try it:

  grpcurl -plaintext -d '{"model":"fraud","entities":[{"name":"customer_id","int64s":{"values":[%d]}},{"name":"terminal_id","int64s":{"values":[%d]}}],"request":[{"name":"amount","doubles":{"values":[%.2f]}},{"name":"event_time","timestamps":{"values":[%d]}}]}' %s larder.v1.ServingService/GetFeaturesAndScore

  curl -s http://%s/v1/score -d '{"model":"fraud","entities":{"customer_id":[%d],"terminal_id":[%d]},"request":{"amount":[%.2f],"event_time":["%s"]},"return_features":true}'
`, thousands(f.RowsLoaded), thousands(f.RowsMaterialized), thousands(f.RowsPerSecond), thousands(f.Scored), inFlight,
		thousands(f.P50), thousands(f.P99), thousands(f.RequestsPerSecond), thousands(f.EventsPerSecond), millis(f.FreshP50), millis(f.FreshP99), f.AUC, f.AUCWindows,
		d.last.Customer, d.last.Terminal, d.last.Amount, d.last.Time.UnixMicro(), server.GRPC,
		server.HTTP, d.last.Customer, d.last.Terminal, d.last.Amount, d.last.Time.Format(time.RFC3339))
	raw, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.Dir, "demo.json"), append(raw, '\n'), 0o644)
}
