// Command fraudscore replays the last days of the fraud example. For each day it
// materializes what was known at midnight on a server, and then scores the transactions
// of the day, each as of its time. The server must have the definitions of the example
// and a store that was last materialized before these days.
//
//	go run ./examples/fraud/fraudscore -days 14 postgres://USER:PASSWORD@HOST:PORT/DATABASE
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/examples/fraud"
)

func main() {
	days := flag.Int("days", 14, "how many of the last days to score")
	addr := flag.String("addr", cmp.Or(os.Getenv(larder.AddrVariable), larder.DefaultAddr), "gRPC address of the server; defaults to LARDER_ADDR")
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
	client, err := larder.Dial(addr, larder.Options{})
	if err != nil {
		return err
	}
	defer client.Close()
	for before := days - 1; before >= 0; before-- {
		transactions, err := fraud.Day(ctx, pg, before)
		if err != nil {
			return err
		}
		if len(transactions) == 0 {
			return fmt.Errorf("there are no transactions %d days before the last; run fraudload first", before)
		}
		midnight := transactions[0].Time.Truncate(24 * time.Hour)
		if err := materialize(ctx, client, midnight); err != nil {
			return err
		}
		if err := scoreDay(ctx, client, midnight, transactions); err != nil {
			return err
		}
	}
	return nil
}

// materialize makes the server read what was known at a time.
func materialize(ctx context.Context, client *larder.Client, at time.Time) error {
	to := at.UnixMicro()
	runs, err := client.Materialize(ctx, &larderv1.MaterializeRequest{To: &to}, nil)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if r.GetState() == larderv1.Run_STATE_FAILED {
			return fmt.Errorf("materialize %s: %s", r.GetFeatureView(), r.GetError())
		}
	}
	return nil
}

// inFlight is how many requests run at once.
const inFlight = 8

// scoreDay scores transactions and prints how many each version scored.
func scoreDay(ctx context.Context, client *larder.Client, midnight time.Time, transactions []fraud.Transaction) error {
	var versions [inFlight]map[int64]int
	g, ctx := errgroup.WithContext(ctx)
	for w := range inFlight {
		versions[w] = map[int64]int{}
		g.Go(func() error {
			for i := w; i < len(transactions); i += inFlight {
				answer, err := client.Serving.GetFeaturesAndScore(ctx, fraud.ScoreRequest("fraud", transactions[i]))
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
