// Command fraudload loads the fraud example into a Postgres database, for train.py and
// for exploring.
//
//	go run ./examples/fraud/fraudload [-days N] postgres://USER:PASSWORD@HOST:PORT/DATABASE
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/examples/fraud"
)

func main() {
	days := flag.Int("days", 180, "how many days of transactions")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: fraudload [-days N] postgres://USER:PASSWORD@HOST:PORT/DATABASE")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, flag.Arg(0), *days); err != nil {
		fmt.Fprintln(os.Stderr, "fraudload:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dsn string, days int) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	began := time.Now()
	loaded, err := fraud.Load(ctx, conn, fraud.Config{Days: days}, nil)
	if err != nil {
		return err
	}
	took := time.Since(began)
	fmt.Printf("%d transactions, %d of them fraud; %d customer rows and %d terminal rows in %.1f s; the last day is %s\n",
		loaded.Transactions, loaded.Frauds, loaded.CustomerRows, loaded.TerminalRows, took.Seconds(), loaded.LastDay.Format(time.DateOnly))
	return nil
}
