package fraud_test

import (
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"larder/examples/fraud"
	"larder/internal/pgtest"
)

// A daily is one row of a feature table. Means are of amounts for a customer and
// of frauds for a terminal, over windows of 1, 7 and 30 days; NaN stands for null.
type daily struct {
	Key      int64
	Day      time.Time
	LoadedAt time.Time
	Counts   [3]int64
	Means    [3]float64
}

var windows = [3]int{1, 7, 30}

// oracle makes the rows of one feature table by scanning every transaction for every
// value. key returns the key of a row, value what its means average, and known is after
// how many days a value may be used.
func oracle(c fraud.Config, all []fraud.Transaction, key func(fraud.Transaction) int64, value func(fraud.Transaction) float64, known int) []daily {
	byKey := map[int64][]fraud.Transaction{}
	for _, x := range all {
		byKey[key(x)] = append(byKey[key(x)], x)
	}
	var rows []daily
	for _, k := range slices.Sorted(maps.Keys(byKey)) {
		for d := range c.Days {
			at := c.Start.AddDate(0, 0, d)
			if !byKey[k][0].Time.Before(at) {
				continue
			}
			row := daily{Key: k, Day: at, LoadedAt: at}
			for w, days := range windows {
				row.Counts[w], _ = window(byKey[k], at, days, value)
				_, row.Means[w] = window(byKey[k], at.AddDate(0, 0, -known), days, value)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// window counts the transactions in the days before end, and averages value.
func window(of []fraud.Transaction, end time.Time, days int, value func(fraud.Transaction) float64) (n int64, mean float64) {
	var sum float64
	for _, x := range of {
		if x.Time.Before(end) && !x.Time.Before(end.AddDate(0, 0, -days)) {
			n++
			sum += value(x)
		}
	}
	return n, sum / float64(n)
}

func customerOracle(c fraud.Config, all []fraud.Transaction) []daily {
	return oracle(c, all, func(x fraud.Transaction) int64 { return x.Customer },
		func(x fraud.Transaction) float64 { return x.Amount }, 0)
}

func terminalOracle(c fraud.Config, all []fraud.Transaction) []daily {
	return oracle(c, all, func(x fraud.Transaction) int64 { return x.Terminal },
		func(x fraud.Transaction) float64 {
			if x.IsFraud() {
				return 1
			}
			return 0
		}, 7)
}

func readDaily(t *testing.T, conn *pgx.Conn, query string) []daily {
	t.Helper()
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d daily, err error) {
		var means [3]*float64
		err = row.Scan(&d.Key, &d.Day, &d.LoadedAt, &d.Counts[0], &d.Counts[1], &d.Counts[2], &means[0], &means[1], &means[2])
		d.Day, d.LoadedAt = d.Day.UTC(), d.LoadedAt.UTC()
		for i, m := range means {
			if d.Means[i] = math.NaN(); m != nil {
				d.Means[i] = *m
			}
		}
		return d, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var sameDaily = cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-12, 0)}

func TestFeatureTablesAreWhatEveryTransactionSays(t *testing.T) {
	conn := loaded(t, pgtest.New(t), small)
	all := simulated(small)

	customers := readDaily(t, conn, `
		SELECT customer_id, event_time, loaded_at, txn_count_1d, txn_count_7d, txn_count_30d,
		       avg_amount_1d, avg_amount_7d, avg_amount_30d
		FROM fraud.customer_daily ORDER BY customer_id, event_time`)
	if diff := cmp.Diff(customerOracle(small, all), customers, sameDaily); diff != "" {
		t.Errorf("fraud.customer_daily (-oracle +SQL):\n%s", diff)
	}
	terminals := readDaily(t, conn, `
		SELECT terminal_id, event_time, loaded_at, txn_count_1d, txn_count_7d, txn_count_30d,
		       fraud_rate_1d, fraud_rate_7d, fraud_rate_30d
		FROM fraud.terminal_daily ORDER BY terminal_id, event_time`)
	if diff := cmp.Diff(terminalOracle(small, all), terminals, sameDaily); diff != "" {
		t.Errorf("fraud.terminal_daily (-oracle +SQL):\n%s", diff)
	}
}

// A training row must hold only what was known when its day began.
func TestTrainingRowsAreThoseOfTheStartOfTheDay(t *testing.T) {
	conn := loaded(t, pgtest.New(t), small)
	type key struct {
		id  int64
		day int64
	}
	all := simulated(small)
	index := func(rows []daily) map[key]daily {
		m := map[key]daily{}
		for _, row := range rows {
			m[key{row.Key, row.Day.Unix()}] = row
		}
		return m
	}
	customers, terminals := index(customerOracle(small, all)), index(terminalOracle(small, all))

	type training struct {
		ID                int64
		Day               int
		IsFraud           bool
		Amount            float64
		Customer30d       int64
		Terminal7d        int64
		Amount30d, Rate7d *float64
	}
	var want []training
	present := func(row daily, window int) *float64 {
		if row.Day.IsZero() || math.IsNaN(row.Means[window]) {
			return nil
		}
		return &row.Means[window]
	}
	for _, x := range all {
		day := x.Time.Truncate(24 * time.Hour)
		c, m := customers[key{x.Customer, day.Unix()}], terminals[key{x.Terminal, day.Unix()}]
		want = append(want, training{
			ID: x.ID, Day: int(day.Sub(monday).Hours() / 24), IsFraud: x.IsFraud(), Amount: x.Amount,
			Customer30d: c.Counts[2], Terminal7d: m.Counts[1], Amount30d: present(c, 2), Rate7d: present(m, 1),
		})
	}

	rows, err := conn.Query(t.Context(), `
		SELECT transaction_id, day_number, is_fraud, "request:amount", "customer_spend:txn_count_30d",
		       "terminal_risk:txn_count_7d", "customer_spend:avg_amount_30d", "terminal_risk:fraud_rate_7d"
		FROM fraud.training_rows ORDER BY transaction_id`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[training])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, sameDaily); diff != "" {
		t.Errorf("fraud.training_rows (-oracle +SQL):\n%s", diff)
	}
}
