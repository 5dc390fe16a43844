package registry

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// A LoggedRow is a row of larder.feature_log: a row that a model version scored.
type LoggedRow struct {
	RequestID      string
	Row            int32
	Role           string
	Model          string
	ModelVersion   int64
	CatalogVersion int64
	At             int64 // microseconds since 1970 UTC
	Latency        time.Duration
	Score          float64
	Overridden     []string
	Keys           []byte // JSON, like the next fields
	Request        []byte
	Statuses       []byte
	Ages           []byte
	Positions      []byte    // JSON; nil without an aggregate view
	Vector         []float32 // or
	Inputs         []byte    // JSON
	Outputs        []byte    // JSON; nil when none was computed
}

var loggedColumns = []string{
	"request_id", "row", "role", "model", "model_version", "catalog_version", "at", "latency_us", "score",
	"overridden", "keys", "request", "statuses", "ages_us", "positions", "vector", "inputs", "outputs",
}

// AppendLogged adds rows to the feature log, all or none.
func (r *Registry) AppendLogged(ctx context.Context, rows []LoggedRow) error {
	if err := r.reachable(); err != nil {
		return err
	}
	next := func(i int) ([]any, error) {
		l := &rows[i]
		overridden, positions, inputs, outputs := l.Overridden, any(nil), any(nil), any(nil)
		if overridden == nil {
			overridden = []string{}
		}
		if l.Positions != nil {
			positions = l.Positions
		}
		if l.Inputs != nil {
			inputs = l.Inputs
		}
		if l.Outputs != nil {
			outputs = l.Outputs
		}
		return []any{
			l.RequestID, l.Row, l.Role, l.Model, l.ModelVersion, l.CatalogVersion,
			moment(l.At), l.Latency.Microseconds(), l.Score, overridden, l.Keys, l.Request, l.Statuses, l.Ages, positions, l.Vector, inputs, outputs,
		}, nil
	}
	_, err := r.pool.CopyFrom(ctx, pgx.Identifier{"larder", "feature_log"}, loggedColumns, pgx.CopyFromSlice(len(rows), next))
	return unavailable(err)
}

// ReadLogged calls visit with the rows of a model in the feature log whose clock
// readings lie between two times, in microseconds since 1970 UTC, both included. It
// reads ids, keys and scores, but not the values that the model saw.
func (r *Registry) ReadLogged(ctx context.Context, model string, from, until int64, visit func(*LoggedRow) error) error {
	if err := r.reachable(); err != nil {
		return err
	}
	rows, err := r.pool.Query(ctx, `SELECT request_id, row, role, model_version, (extract(epoch FROM at) * 1000000)::bigint, score, keys, request
		FROM larder.feature_log WHERE model = $1 AND at BETWEEN $2 AND $3 AND at > '-infinity'`, model, moment(from), moment(until))
	if err != nil {
		return unavailable(err)
	}
	defer rows.Close()
	for rows.Next() {
		l := LoggedRow{Model: model}
		if err := rows.Scan(&l.RequestID, &l.Row, &l.Role, &l.ModelVersion, &l.At, &l.Score, &l.Keys, &l.Request); err != nil {
			return unavailable(err)
		}
		if err := visit(&l); err != nil {
			return err
		}
	}
	return unavailable(rows.Err())
}

// A LoggedPart is a part of the feature log: the rows that one version of a model scored
// with one version of the definitions.
type LoggedPart struct {
	Model          string
	ModelVersion   int64
	CatalogVersion int64
	Rows           int64
}

// LoggedParts returns the parts of a model's feature log, or of all models if model is
// empty.
func (r *Registry) LoggedParts(ctx context.Context, model string) ([]LoggedPart, error) {
	if err := r.reachable(); err != nil {
		return nil, err
	}
	rows, err := r.pool.Query(ctx, `SELECT model, model_version, catalog_version, count(*) FROM larder.feature_log
		WHERE $1 = '' OR model = $1 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`, model)
	if err != nil {
		return nil, unavailable(err)
	}
	parts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[LoggedPart])
	return parts, unavailable(err)
}

// ReadLoggedPart calls visit with the rows of a part, in the order in which they were
// logged: the rows of a request follow each other.
func (r *Registry) ReadLoggedPart(ctx context.Context, part LoggedPart, visit func(*LoggedRow) error) error {
	if err := r.reachable(); err != nil {
		return err
	}
	rows, err := r.pool.Query(ctx, `SELECT request_id, row, role, coalesce((extract(epoch FROM nullif(at, '-infinity')) * 1000000)::bigint, $4), latency_us, score,
			overridden, keys::text, request::text, statuses::text, ages_us::text, positions::text, vector, inputs::text, outputs::text
		FROM larder.feature_log WHERE model = $1 AND model_version = $2 AND catalog_version = $3 ORDER BY logged_at, ctid`,
		part.Model, part.ModelVersion, part.CatalogVersion, firstMoment)
	if err != nil {
		return unavailable(err)
	}
	defer rows.Close()
	for rows.Next() {
		l := LoggedRow{Model: part.Model, ModelVersion: part.ModelVersion, CatalogVersion: part.CatalogVersion}
		var latency int64
		err := rows.Scan(&l.RequestID, &l.Row, &l.Role, &l.At, &latency, &l.Score, &l.Overridden, &l.Keys, &l.Request, &l.Statuses, &l.Ages, &l.Positions, &l.Vector, &l.Inputs, &l.Outputs)
		if err != nil {
			return unavailable(err)
		}
		l.Latency = time.Duration(latency) * time.Microsecond
		if err := visit(&l); err != nil {
			return err
		}
	}
	return unavailable(rows.Err())
}

// firstMoment is the first time that a timestamptz can hold, in microseconds since
// 1970 UTC. A request may claim any time; the last timestamptz is later than any of
// those.
var firstMoment = time.Date(-4712, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

func moment(at int64) pgtype.Timestamptz {
	if at < firstMoment {
		return pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}
	}
	return pgtype.Timestamptz{Time: time.UnixMicro(at), Valid: true}
}

const (
	// maxLoggedDropped is how many rows of the feature log one transaction deletes.
	maxLoggedDropped = 10_000
	// dropLoggedLock is the advisory lock of the server that deletes: "larderfl".
	dropLoggedLock = 0x6c6172646572666c
)

// DropLogged deletes some rows of the feature log that were added before a time, and
// reports whether there are more. While another server does so it deletes none.
func (r *Registry) DropLogged(ctx context.Context, before time.Time) (more bool, err error) {
	if err := r.reachable(); err != nil {
		return false, err
	}
	var dropped int64
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		var mine bool
		if err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1)", int64(dropLoggedLock)).Scan(&mine); err != nil || !mine {
			return err
		}
		tag, err := tx.Exec(ctx, `DELETE FROM larder.feature_log WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM larder.feature_log WHERE logged_at < $1 ORDER BY logged_at LIMIT $2))`, before, maxLoggedDropped)
		dropped = tag.RowsAffected()
		return err
	})
	return dropped == maxLoggedDropped, unavailable(err)
}
