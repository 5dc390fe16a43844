package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/internal/launch"
	"larder/internal/pgdev"
	"larder/schema"
	"larder/store"
	"larder/store/online"
	"larder/store/registry"
	"larder/store/row"
)

// served is the server that is measured, filled and ready.
type served struct {
	*launch.Process
	postgres *pgdev.Cluster // nil unless the scenario materializes

	// Of the first materialization, into an empty store.
	materialized int64
	took         time.Duration
}

func (v *served) stop() {
	v.Process.Stop()
	if v.postgres != nil {
		_ = endPostgres(v.postgres) // a folder may stay
	}
}

// endPostgres stops a private cluster and removes its folder, which is elsewhere when
// Postgres can't run in ours.
func endPostgres(c *pgdev.Cluster) error { return errors.Join(c.Stop(), os.RemoveAll(c.Dir())) }

// start fills a store and starts a server on it. Without materialization the
// rows are written straight into the store's folder, and the server serves a
// kept catalog without Postgres.
func start(ctx context.Context, s Scenario, opts Options, dir string) (v *served, err error) {
	v = new(served)
	var more []string
	if s.WhileMaterializing {
		opts.Progress("starting a private Postgres and filling its tables")
		if v.postgres, err = startPostgres(ctx, s, dir); err != nil {
			return nil, err
		}
		if more, err = postgresFlags(ctx, v.postgres); err != nil {
			return nil, errors.Join(err, endPostgres(v.postgres))
		}
	} else if err := fill(ctx, s, opts, dir); err != nil {
		return nil, err
	}
	opts.Progress("starting the server")
	if v.Process, err = launchServer(ctx, s, opts, dir, more...); err != nil {
		if v.postgres != nil {
			err = errors.Join(err, endPostgres(v.postgres))
		}
		return nil, err
	}
	if s.WhileMaterializing {
		opts.Progress("applying definitions and materializing")
		err = v.applyAndMaterialize(ctx, s)
	}
	if err == nil {
		err = v.untilWarm(ctx)
	}
	if err != nil {
		v.stop()
		return nil, err
	}
	return v, nil
}

// postgresFlags are those of a server on a private cluster.
func postgresFlags(ctx context.Context, cluster *pgdev.Cluster) ([]string, error) {
	sources, err := cluster.SourcesDSN(ctx)
	return []string{"--postgres", cluster.DSN(), "--source-postgres", sources}, err
}

func launchServer(ctx context.Context, s Scenario, opts Options, dir string, more ...string) (*launch.Process, error) {
	args := append([]string{
		"serve", "--data", dir, "--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0",
		"--log-format", "json", "--pprof", "--drain-delay", "0s",
	}, more...)
	if s.Cold {
		args = append(args, "--cache-bytes", "-1")
	}
	if opts.Library != "" {
		args = append(args, "--onnxruntime", opts.Library)
	}
	return launch.Start(ctx, opts.Larder, args, filepath.Join(dir, "serve.log"))
}

// untilWarm waits until the cache of rows is full or has all of them.
func (v *served) untilWarm(ctx context.Context) error {
	ticks := time.NewTicker(100 * time.Millisecond)
	defer ticks.Stop()
	for {
		var metrics bytes.Buffer
		if err := v.fetch(ctx, "/metrics", &metrics); err != nil {
			return err
		}
		if strings.Contains(metrics.String(), "\nlarder_online_cache_warm 1\n") {
			return nil
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fill makes the folder of a server: definitions, model, and a row for each entity
// and view.
func fill(ctx context.Context, s Scenario, opts Options, dir string) error {
	opts.Progress(fmt.Sprintf("filling a store with %d rows", s.Entities*s.Views))
	defs, model := s.definitions()
	catalog, err := schema.Compile(1, defs, schema.Storage{}.Evolve(defs, 0))
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	if model != nil {
		files[defs.Models[0].Versions[0].SHA256] = model
	}
	return errors.Join(fillStore(ctx, s, catalog, dir), registry.Keep(filepath.Join(dir, "registry"), catalog, files))
}

func fillStore(ctx context.Context, s Scenario, catalog *schema.Catalog, dir string) error {
	store, err := online.Open(filepath.Join(dir, "rows"), online.Options{})
	if err != nil {
		return err
	}
	now := time.Now().UnixMicro()
	g, fillCtx := errgroup.WithContext(ctx)
	g.SetLimit(2)
	for _, view := range catalog.Views() {
		g.Go(func() error { return fillView(fillCtx, s, store, view, now) })
	}
	return errors.Join(g.Wait(), store.Close())
}

func fillView(ctx context.Context, s Scenario, rows *online.Store, view *schema.View, now int64) error {
	random := rand.New(rand.NewPCG(uint64(view.ID), 7))
	builder := row.NewBuilder(row.NewLayout(view.Layouts[view.Layout()]), view.Layout())
	writer := rows.NewWriter(view.ID, store.WriterOptions{})
	defer writer.Close()
	var key []byte
	for id := range s.Entities {
		key = row.AppendInt64(row.AppendView(key[:0], view.ID), int64(id))
		builder.Reset(schema.NoIngestTime, false)
		for f := range s.Features {
			builder.SetFloat64(f, random.NormFloat64())
		}
		if err := writer.Add(ctx, key, now, builder.Row()); err != nil {
			return err
		}
	}
	return writer.Commit(ctx, store.Watermark{Time: now, CatalogVersion: 1})
}

// startPostgres starts a private cluster with a table per view.
func startPostgres(ctx context.Context, s Scenario, dir string) (*pgdev.Cluster, error) {
	cluster, err := pgdev.Start(ctx, pgdev.Options{Dir: filepath.Join(dir, "postgres"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	if err := createTables(ctx, s, cluster.DSN()); err != nil {
		return nil, errors.Join(fmt.Errorf("fill the tables: %w", err), endPostgres(cluster))
	}
	return cluster, nil
}

func createTables(ctx context.Context, s Scenario, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE SCHEMA bench"); err != nil {
		return err
	}
	columns := ""
	for f := range s.Features {
		columns += ", random() AS f" + strconv.Itoa(f)
	}
	for i := range s.Views {
		sql := fmt.Sprintf("CREATE UNLOGGED TABLE bench.%s AS SELECT id - 1 AS %s, now() AS event_time%s FROM generate_series(1::bigint, %d) AS id",
			viewName(i), joinKey, columns, s.Entities)
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// dial returns a client of the server, for all that isn't measured.
func (v *served) dial() (*larder.Client, error) { return larder.Dial(v.GRPC, larder.Options{}) }

func (v *served) applyAndMaterialize(ctx context.Context, s Scenario) error {
	client, err := v.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	defs, model := s.definitions()
	if model != nil {
		if err := putModel(ctx, client, defs.Models[0].Versions[0].SHA256, model); err != nil {
			return err
		}
	}
	if err := apply(ctx, client, defs, 0); err != nil {
		return err
	}
	began := time.Now()
	v.materialized, err = materialize(ctx, client)
	v.took = time.Since(began)
	return err
}

// apply applies definitions over those of a version.
func apply(ctx context.Context, client *larder.Client, defs *schema.Definitions, base int64) error {
	raw, err := json.Marshal(defs)
	if err != nil {
		return err
	}
	_, err = client.Control.Apply(ctx, &larderv1.ApplyRequest{
		What: &larderv1.ApplyRequest_Definitions{Definitions: raw}, BaseVersion: base, AppliedBy: "larder bench", AllowDelete: []string{"*"}, // the server is its own
	})
	return err
}

func putModel(ctx context.Context, client *larder.Client, sum string, file []byte) error {
	return client.PutModel(ctx, sum, int64(len(file)), bytes.NewReader(file))
}

// materialize runs every view from the beginning and returns the rows read so
// far, also when it is cancelled.
func materialize(ctx context.Context, client *larder.Client) (int64, error) {
	runs, err := client.Materialize(ctx, &larderv1.MaterializeRequest{Full: true}, nil)
	var rows int64
	for _, r := range runs {
		rows += r.GetRowsRead()
		if r.GetState() == larderv1.Run_STATE_FAILED {
			return rows, fmt.Errorf("materializing %s: %s", r.GetFeatureView(), r.GetError())
		}
	}
	return rows, err
}

// materializeUntil materializes everything over and over until ctx ends.
func (v *served) materializeUntil(ctx context.Context, rows *int64) error {
	client, err := v.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	for ctx.Err() == nil {
		n, err := materialize(ctx, client)
		*rows += n
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// profile takes a CPU profile for as long as the server is loaded, 50 seconds at
// most, then one of its heap.
func (v *served) profile(ctx context.Context, s Scenario) error {
	const longest = 50 // the server's limit on a request is a minute
	seconds := strconv.Itoa(min(longest, max(1, int(2*s.Duration.Seconds())-1)))
	if err := v.save(ctx, "/debug/pprof/profile?seconds="+seconds, filepath.Join(s.Profiles, "cpu.pprof")); err != nil {
		return err
	}
	return v.save(ctx, "/debug/pprof/heap", filepath.Join(s.Profiles, "heap.pprof"))
}

// save writes what the server answers to a file.
func (v *served) save(ctx context.Context, path, file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(v.fetch(ctx, path, f), f.Close())
}

func (v *served) fetch(ctx context.Context, path string, to io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+v.HTTP+path, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the server for %s: %w", path, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the server for %s: %s", path, answer.Status)
	}
	_, err = io.Copy(to, answer.Body)
	return err
}
