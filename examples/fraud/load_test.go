package fraud_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"larder/examples/fraud"
	"larder/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// small has enough fraud, and customers and terminals that start late.
var small = fraud.Config{Customers: 50, Terminals: 500, Days: 45, Start: monday}

func loaded(t *testing.T, db *pgtest.DB, c fraud.Config) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	// The result must not depend on the time zone of the session.
	if _, err := conn.Exec(t.Context(), "SET TIME ZONE 'America/Santiago'"); err != nil {
		t.Fatal(err)
	}
	if _, err := fraud.Load(t.Context(), conn, c, nil); err != nil {
		t.Fatal(err)
	}
	return conn
}

func simulated(c fraud.Config) (all []fraud.Transaction) {
	for today := range fraud.Simulate(c) {
		all = append(all, today...)
	}
	return all
}

func TestLoadReportsWhatItMade(t *testing.T) {
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var done, total int64
	got, err := fraud.Load(t.Context(), conn, small, func(d, all int64) {
		if d <= done || d > all || total != 0 && all != total {
			t.Errorf("progress went from %d of %d to %d of %d", done, total, d, all)
		}
		done, total = d, all
	})
	if err != nil {
		t.Fatal(err)
	}
	if done != total {
		t.Errorf("progress ended at %d of %d", done, total)
	}
	want := fraud.Loaded{LastDay: monday.AddDate(0, 0, small.Days-1)}
	for _, x := range simulated(small) {
		want.Transactions++
		if x.IsFraud() {
			want.Frauds++
		}
	}
	const rows = "SELECT (SELECT count(*) FROM fraud.customer_daily), (SELECT count(*) FROM fraud.terminal_daily)"
	if err := conn.QueryRow(t.Context(), rows).Scan(&want.CustomerRows, &want.TerminalRows); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
}

func TestLastDayIsWhatWasSimulated(t *testing.T) {
	got, err := fraud.Day(t.Context(), loaded(t, pgtest.New(t), small), 0)
	if err != nil {
		t.Fatal(err)
	}
	var want []fraud.Transaction
	for today := range fraud.Simulate(small) {
		want = append(want[:0], today...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the last day (-simulated +read):\n%s", diff)
	}
}

func TestLoadReplacesAllOrNothing(t *testing.T) {
	db := pgtest.New(t)
	conn := loaded(t, db, small)
	count := func() (transactions, features int64) {
		t.Helper()
		const both = "SELECT (SELECT count(*) FROM fraud.transactions), (SELECT count(*) FROM fraud.customer_daily)"
		if err := db.Pool.QueryRow(t.Context(), both).Scan(&transactions, &features); err != nil {
			t.Fatal(err)
		}
		return transactions, features
	}
	transactions, features := count()

	ctx, cancel := context.WithCancel(t.Context())
	_, err := fraud.Load(ctx, conn, fraud.Config{Customers: 10, Terminals: 500, Days: 40}, func(done, _ int64) {
		if done == 20 {
			cancel()
		}
	})
	if err == nil {
		t.Fatal("a cancelled load says that it succeeded")
	}
	if gotTransactions, gotFeatures := count(); gotTransactions != transactions || gotFeatures != features {
		t.Errorf("after a cancelled load %d and %d rows, want the %d and %d from before", gotTransactions, gotFeatures, transactions, features)
	}

	smaller := small
	smaller.Days = 10
	loaded(t, db, smaller)
	if got, _ := count(); got != int64(len(simulated(smaller))) {
		t.Errorf("after a second load %d transactions, want %d", got, len(simulated(smaller)))
	}
}

func TestLoadRefusesAConfigThatMakesNoSense(t *testing.T) {
	f := func(c fraud.Config, want string) {
		t.Helper()
		if _, err := fraud.Load(t.Context(), nil, c, nil); err == nil || err.Error() != want {
			t.Errorf("Load(%+v): %v, want %s", c, err, want)
		}
	}
	f(fraud.Config{Customers: -1, Days: -7, Start: monday}, "fraud.Config: Customers is -1; it must be positive, or 0 for the default\n"+
		"fraud.Config: Days is -7; it must be positive, or 0 for the default")
	f(fraud.Config{Start: monday.Add(time.Hour)}, "fraud.Config: Start is 2024-01-01T01:00:00Z; it must be midnight UTC")
}
