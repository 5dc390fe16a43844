package fraud

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed sql
var sqlFiles embed.FS

// Loaded says what [Load] loaded.
type Loaded struct {
	Transactions int64
	Frauds       int64
	CustomerRows int64     // of fraud.customer_daily
	TerminalRows int64     // of fraud.terminal_daily
	LastDay      time.Time // midnight UTC of the last simulated day
}

// tableFile makes the table that transactions are copied into.
const tableFile = "1_transactions.sql"

// derived are the files that make the other tables. The weight of each in the progress
// is the number of days that could be copied in the same time.
var derived = []struct {
	file string
	days int64
}{
	{"2_indexes.sql", 40},
	{"3_customer_daily.sql", 200},
	{"4_terminal_daily.sql", 450},
	{"5_training_rows.sql", 1},
	{"6_outcomes.sql", 20},
}

// prepare empties the schema. It gives this transaction enough memory to sort and hash
// a whole table, and turns off JIT, which costs these queries more than it saves.
const prepare = `
	SET LOCAL work_mem = '256MB';
	SET LOCAL maintenance_work_mem = '256MB';
	SET LOCAL jit = off;
	DROP SCHEMA IF EXISTS fraud CASCADE;
	CREATE SCHEMA fraud`

// Load simulates c and replaces the schema "fraud" of conn's database with the result,
// in one transaction. If progress is not nil, Load calls it with how much is done and
// with a total that doesn't change.
func Load(ctx context.Context, conn *pgx.Conn, c Config, progress func(done, total int64)) (Loaded, error) {
	c = c.withDefaults(time.Now())
	if err := c.validate(); err != nil {
		return Loaded{}, err
	}
	if progress == nil {
		progress = func(int64, int64) {}
	}
	var v Loaded
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var err error
		v, err = load(ctx, tx, c, progress)
		return err
	})
	if err != nil {
		return Loaded{}, fmt.Errorf("load the fraud example: %w", err)
	}
	return v, nil
}

func load(ctx context.Context, tx pgx.Tx, c Config, progress func(done, total int64)) (Loaded, error) {
	v := Loaded{LastDay: c.Start.AddDate(0, 0, c.Days-1)}
	done, total := int64(0), int64(c.Days)
	for _, d := range derived {
		total += d.days
	}
	if _, err := tx.Exec(ctx, prepare); err != nil {
		return v, err
	}
	if err := runFile(ctx, tx, tableFile); err != nil {
		return v, err
	}
	for today := range Simulate(c) {
		if err := copyDay(ctx, tx, today); err != nil {
			return v, err
		}
		v.Transactions += int64(len(today))
		for _, t := range today {
			if t.IsFraud() {
				v.Frauds++
			}
		}
		done++
		progress(done, total)
	}
	for _, d := range derived {
		if err := runFile(ctx, tx, d.file); err != nil {
			return v, err
		}
		done += d.days
		progress(done, total)
	}
	const count = "SELECT (SELECT count(*) FROM fraud.customer_daily), (SELECT count(*) FROM fraud.terminal_daily)"
	return v, tx.QueryRow(ctx, count).Scan(&v.CustomerRows, &v.TerminalRows)
}

func runFile(ctx context.Context, tx pgx.Tx, file string) error {
	statements, err := fs.ReadFile(sqlFiles, "sql/"+file)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, string(statements)); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func copyDay(ctx context.Context, tx pgx.Tx, today []Transaction) error {
	columns := []string{"transaction_id", "event_time", "customer_id", "terminal_id", "amount", "is_fraud", "scenario"}
	values := make([]any, len(columns)) // reused: pgx encodes a row before it asks for the next
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"fraud", "transactions"}, columns,
		pgx.CopyFromSlice(len(today), func(i int) ([]any, error) {
			t := &today[i]
			values[0], values[1], values[2], values[3] = t.ID, t.Time, t.Customer, t.Terminal
			values[4], values[5], values[6] = t.Amount, t.IsFraud(), int16(t.Scenario)
			return values, nil
		}))
	return err
}

// Day returns the transactions of the day that is the given number of days before the
// last day in conn's database, in time order.
func Day(ctx context.Context, conn *pgx.Conn, before int) ([]Transaction, error) {
	const ofDay = `
		WITH day AS (SELECT date_trunc('day', max(event_time), 'UTC') - make_interval(days => $1) AS begins FROM fraud.transactions)
		SELECT transaction_id, event_time, customer_id, terminal_id, amount, scenario
		FROM fraud.transactions, day
		WHERE event_time >= day.begins AND event_time < day.begins + interval '24 hours'
		ORDER BY transaction_id`
	rows, err := conn.Query(ctx, ofDay, before)
	if err != nil {
		return nil, fmt.Errorf("read a day of the fraud example: %w", err)
	}
	today, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t Transaction, err error) {
		err = row.Scan(&t.ID, &t.Time, &t.Customer, &t.Terminal, &t.Amount, &t.Scenario)
		t.Time = t.Time.UTC()
		return t, err
	})
	if err != nil {
		return nil, fmt.Errorf("read a day of the fraud example: %w", err)
	}
	return today, nil
}
