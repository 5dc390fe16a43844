// Command fraudscore lives through the last days of the fraud example: for each, it has
// a server read what is known at midnight, and scores the day's transactions, each as of
// its time. The server has the definitions of the example and a store that begins before
// these days.
//
//	go run ./examples/fraud/fraudscore -days 14 postgres://USER:PASSWORD@HOST:PORT/DATABASE
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	larderv1 "larder/api/larder/v1"
	"larder/examples/fraud"
)

func main() {
	days := flag.Int("days", 14, "how many of the last days")
	addr := flag.String("addr", cmp.Or(os.Getenv("LARDER_ADDR"), "127.0.0.1:6570"), "the server's gRPC address; LARDER_ADDR when not given")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: fraudscore [-days N] [-addr HOST:PORT] postgres://USER:PASSWORD@HOST:PORT/DATABASE")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 || *days < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, flag.Arg(0), *addr, *days); err != nil {
		fmt.Fprintln(os.Stderr, "fraudscore:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dsn, addr string, days int) error {
	pg, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer pg.Close(context.WithoutCancel(ctx))
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	for before := days - 1; before >= 0; before-- {
		transactions, err := fraud.Day(ctx, pg, before)
		if err != nil {
			return err
		}
		if len(transactions) == 0 {
			return fmt.Errorf("there are no transactions %d days before the last; run fraudload first", before)
		}
		midnight := transactions[0].Time.Truncate(24 * time.Hour)
		if err := materialize(ctx, larderv1.NewControlServiceClient(conn), midnight); err != nil {
			return err
		}
		if err := scoreDay(ctx, larderv1.NewServingServiceClient(conn), midnight, transactions); err != nil {
			return err
		}
	}
	return nil
}

// materialize has the server read what was known at a time.
func materialize(ctx context.Context, control larderv1.ControlServiceClient, at time.Time) error {
	to := at.UnixMicro()
	stream, err := control.Materialize(ctx, &larderv1.MaterializeRequest{To: &to})
	if err != nil {
		return err
	}
	for {
		msg, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, r := range msg.GetRuns() {
			if r.GetState() == larderv1.Run_STATE_FAILED {
				return fmt.Errorf("materialize %s: %s", r.GetFeatureView(), r.GetError())
			}
		}
	}
}

// inFlight is how many requests are under way at once.
const inFlight = 8

// scoreDay scores transactions, and prints which version scored how many.
func scoreDay(ctx context.Context, serving larderv1.ServingServiceClient, midnight time.Time, transactions []fraud.Transaction) error {
	var versions [inFlight]map[int64]int
	g, ctx := errgroup.WithContext(ctx)
	for w := range inFlight {
		versions[w] = map[int64]int{}
		g.Go(func() error {
			for i := w; i < len(transactions); i += inFlight {
				answer, err := serving.GetFeaturesAndScore(ctx, fraud.ScoreRequest(transactions[i]))
				if err != nil {
					return fmt.Errorf("score transaction %d: %w", transactions[i].ID, err)
				}
				versions[w][answer.GetModelVersion()]++
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, counts := range versions[1:] {
		for version, n := range counts {
			versions[0][version] += n
		}
	}
	var by []string
	for _, version := range slices.Sorted(maps.Keys(versions[0])) {
		by = append(by, fmt.Sprintf("%d by version %d", versions[0][version], version))
	}
	fmt.Printf("%s: %s\n", midnight.Format(time.DateOnly), strings.Join(by, ", "))
	return nil
}
