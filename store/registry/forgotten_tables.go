package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"larder/schema"
	"larder/store/forgotten"
)

// forgetRows is how many rows one statement deletes.
const forgetRows = 10_000

// ForgetLogged deletes the rows of forgotten keys from the feature log's table, and adds
// their number to what was removed for a forgetting. keys are the join keys of the
// list, with their types. It reads the keys of all rows, and keeps [Registry.DropLogged]
// out meanwhile.
func (r *Registry) ForgetLogged(ctx context.Context, id string, keys []schema.JoinKey, list *forgotten.List) error {
	if err := r.reachable(); err != nil {
		return err
	}
	const what = "table larder.feature_log"
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(dropLoggedLock)); err != nil {
			return err
		}
		places, err := loggedPlaces(ctx, tx, keys, list)
		if err != nil {
			return err
		}
		return deletePlaces(ctx, tx, id, what, "larder.feature_log", places)
	})
	return unavailable(err)
}

// loggedPlaces returns where the rows of forgotten keys are. Nobody else deletes rows
// meanwhile, so they stay there.
func loggedPlaces(ctx context.Context, tx pgx.Tx, keys []schema.JoinKey, list *forgotten.List) (places []string, err error) {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	m := list.Columns(names)
	rows, err := tx.Query(ctx, "SELECT ctid::text, keys::text, request::text FROM larder.feature_log")
	if err != nil {
		return nil, err
	}
	var place, logged, request string
	_, err = pgx.ForEachRow(rows, []any{&place, &logged, &request}, func() error {
		if found(m, keys, logged, request) {
			places = append(places, place)
		}
		return nil
	})
	return places, err
}

// found reports whether a logged row has a forgotten key among its join keys and request
// values.
func found(m *forgotten.Matcher, keys []schema.JoinKey, logged, request string) bool {
	var objects [2]map[string]json.RawMessage
	for i, raw := range []string{logged, request} {
		if json.Unmarshal([]byte(raw), &objects[i]) != nil {
			return false // it was not written by a server
		}
	}
	_, found := m.Find(func(column int) any {
		raw, sent := objects[0][keys[column].Name]
		if !sent {
			raw = objects[1][keys[column].Name]
		}
		if raw == nil {
			return nil
		}
		value, err := schema.ParseValue(keys[column].Type, raw)
		if err != nil {
			return nil
		}
		return value
	})
	return found
}

// deletePlaces deletes rows by where they are, and adds their number to what was removed.
func deletePlaces(ctx context.Context, tx pgx.Tx, id, what, table string, places []string) error {
	var removed int64
	for len(places) > 0 {
		n := min(len(places), forgetRows)
		done, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE ctid = ANY ($1::text[]::tid[])", places[:n])
		if err != nil {
			return err
		}
		removed += done.RowsAffected()
		places = places[n:]
	}
	_, err := tx.Exec(ctx, addRemoved, id, "postgres", what, removed, "")
	return err
}

// A ForgetTable is the log of a stream whose rows of some keys are deleted.
type ForgetTable struct {
	What    string // in the record
	Stream  string
	Table   string // SCHEMA.TABLE
	Columns []string
	Values  [][]string // of each column: the values of all keys, as Postgres reads them
}

// ForgetRows deletes rows from the log of a stream, and adds their number to what was removed
// for a forgetting. Nobody appends to the log meanwhile.
func (r *Registry) ForgetRows(ctx context.Context, id string, t ForgetTable) error {
	if err := r.reachable(); err != nil {
		return err
	}
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT 1 FROM larder.streams WHERE name = $1 FOR UPDATE", t.Stream); err != nil {
			return err
		}
		if err := forgetDigests(ctx, tx, t); err != nil {
			return err
		}
		where, args, err := t.where(ctx, tx)
		if err != nil {
			return err
		}
		done, err := tx.Exec(ctx, "DELETE FROM "+schema.QuoteTable(t.Table)+" AS t USING "+where, args...)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, addRemoved, id, "postgres", t.What, done.RowsAffected(), "")
		return err
	})
	return unavailable(err)
}

// where returns the keys as a table k, and the condition that a row t has one of them. Each
// value is cast to the type of its column, so that an index can find it; without the length
// of the type, to which a cast would cut it.
func (t *ForgetTable) where(ctx context.Context, tx pgx.Tx) (sql string, args []any, err error) {
	var lists, names, conditions []string
	for i, column := range t.Columns {
		var typ string
		err := tx.QueryRow(ctx, `SELECT format_type(atttypid, NULL) FROM pg_attribute
			WHERE attrelid = to_regclass($1) AND attname = $2 AND attnum > 0 AND NOT attisdropped`, schema.QuoteTable(t.Table), column).Scan(&typ)
		if errors.Is(err, pgx.ErrNoRows) {
			return "", nil, schema.BadStreamLog.Errorf("stream %q: the table %s has no column %s; repair the table, or apply the definitions again", t.Stream, t.Table, column)
		}
		if err != nil {
			return "", nil, err
		}
		args = append(args, t.Values[i])
		lists = append(lists, fmt.Sprintf("$%d::text[]", i+1))
		names = append(names, fmt.Sprintf("k%d", i))
		conditions = append(conditions, fmt.Sprintf("t.%s = k.k%d::%s", pgx.Identifier{column}.Sanitize(), i, typ))
	}
	return fmt.Sprintf("unnest(%s) AS k (%s) WHERE %s", strings.Join(lists, ", "), strings.Join(names, ", "), strings.Join(conditions, " AND ")), args, nil
}

// forgetDigests removes the digests of pushes that had one of the events: a digest is made
// of the events' values. Their idempotency keys stay.
func forgetDigests(ctx context.Context, tx pgx.Tx, t ForgetTable) error {
	where, args, err := t.where(ctx, tx)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, fmt.Sprintf(`UPDATE larder.stream_pushes SET answer = answer - 'digest' WHERE stream = $%d AND answer ? 'digest' AND seq IN (
		SELECT t.%s + d FROM %s AS t CROSS JOIN generate_series(0, 1) d, %s)`, len(args)+1, schema.LogSeq, schema.QuoteTable(t.Table), where), append(args, t.Stream)...)
	return err
}

// A DeadText is what a dead letter has of its message.
type DeadText struct {
	ID      int64
	Detail  string
	Message []byte
	Bytes   int64 // of the whole message
}

// ForgetDead deletes the dead letters of a stream of which gone says so, and adds their
// number to what was removed for a forgetting.
func (r *Registry) ForgetDead(ctx context.Context, id, stream string, gone func(*DeadText) bool) error {
	if err := r.reachable(); err != nil {
		return err
	}
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT id, detail, coalesce(message, ''::bytea), bytes FROM larder.dead_letters WHERE stream = $1", stream)
		if err != nil {
			return err
		}
		var ids []int64
		var d DeadText
		_, err = pgx.ForEachRow(rows, []any{&d.ID, &d.Detail, &d.Message, &d.Bytes}, func() error {
			if gone(&d) {
				ids = append(ids, d.ID)
			}
			return nil
		})
		if err != nil {
			return err
		}
		done, err := tx.Exec(ctx, "DELETE FROM larder.dead_letters WHERE id = ANY ($1)", ids)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, addRemoved, id, "postgres", "dead letters of stream "+stream, done.RowsAffected(), "")
		return err
	})
	return unavailable(err)
}

// ForgetPushes deletes the idempotency keys of a stream that quote a key, and adds their
// number to what was removed for a forgetting.
func (r *Registry) ForgetPushes(ctx context.Context, id, stream string, quotes func(text string) bool) error {
	if err := r.reachable(); err != nil {
		return err
	}
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT key FROM larder.stream_pushes WHERE stream = $1", stream)
		if err != nil {
			return err
		}
		var keys []string
		var key string
		_, err = pgx.ForEachRow(rows, []any{&key}, func() error {
			if quotes(key) {
				keys = append(keys, key)
			}
			return nil
		})
		if err != nil {
			return err
		}
		done, err := tx.Exec(ctx, "DELETE FROM larder.stream_pushes WHERE stream = $1 AND key = ANY ($2)", stream, keys)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, addRemoved, id, "postgres", "idempotency keys of stream "+stream, done.RowsAffected(), "")
		return err
	})
	return unavailable(err)
}

// redacted stands in the place of a text that quoted a forgotten key.
const redacted = "(removed: it quoted a forgotten key)"

// ForgetRuns replaces the errors, warnings and samples of bad rows of runs that quote a
// key, and adds their number to what was removed for a forgetting.
func (r *Registry) ForgetRuns(ctx context.Context, id string, quotes func(text string) bool) error {
	if err := r.reachable(); err != nil {
		return err
	}
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT id, run::text FROM larder.runs WHERE run ?| ARRAY['error', 'warnings', 'bad'] FOR UPDATE")
		if err != nil {
			return err
		}
		type record struct{ ID, Run string }
		runs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[record])
		if err != nil {
			return err
		}
		removed := 0
		for _, run := range runs {
			raw, n, err := redact([]byte(run.Run), quotes)
			if err != nil {
				return fmt.Errorf("run %s: %w", run.ID, err)
			}
			if n == 0 {
				continue
			}
			removed += n
			if _, err := tx.Exec(ctx, "UPDATE larder.runs SET run = $2 WHERE id = $1", run.ID, raw); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, addRemoved, id, "postgres", "table larder.runs", removed, "")
		return err
	})
	return unavailable(err)
}

// redact replaces the texts of a run that quote a key, and returns how many there are.
func redact(run []byte, quotes func(text string) bool) (raw []byte, n int, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(run, &members); err != nil {
		return nil, 0, err
	}
	text := func(s *string) {
		if quotes(*s) {
			*s, n = redacted, n+1
		}
	}
	var failed string
	var warnings []string
	var bad []struct {
		Reason  string          `json:"reason,omitempty"`
		Count   json.RawMessage `json:"count,omitempty"`
		Samples []string        `json:"samples,omitempty"`
	}
	for name, into := range map[string]any{"error": &failed, "warnings": &warnings, "bad": &bad} {
		if members[name] == nil {
			continue
		}
		if err := json.Unmarshal(members[name], into); err != nil {
			return nil, 0, fmt.Errorf("%s: %w", name, err)
		}
	}
	text(&failed)
	for i := range warnings {
		text(&warnings[i])
	}
	for i := range bad {
		for j := range bad[i].Samples {
			text(&bad[i].Samples[j])
		}
	}
	if n == 0 {
		return nil, 0, nil
	}
	for name, from := range map[string]any{"error": failed, "warnings": warnings, "bad": bad} {
		if members[name] == nil {
			continue
		}
		if members[name], err = json.Marshal(from); err != nil {
			return nil, 0, err
		}
	}
	raw, err = json.Marshal(members)
	return raw, n, err
}
