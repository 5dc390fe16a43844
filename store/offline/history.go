package offline

import (
	"context"
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/jackc/pgx/v5/pgtype"

	"larder/schema"
	"larder/store/row"
)

// History calls visit with all rows of a view with an event time at or before until,
// no matter when they arrived, and with the bad rows among them. Of rows with the same
// times, the one that wins comes last, if the source says which. It is faster than
// [Session.Newest] when most of the history is needed, or when there is no index.
func (s *Session) History(ctx context.Context, view int, until int64, visit func(arrow.Record, []schema.BadRow) error) error {
	b, err := s.binding(ctx, view)
	if err != nil {
		return err
	}
	err, visited := b.read(ctx, s.conn, b.historyQuery(until), visit)
	if visited != nil {
		return s.restore(ctx, visited)
	}
	return sourceError(ctx, b.view, err)
}

func (b *binding) historyQuery(until int64) *query {
	q := &query{}
	zone := b.zoneParam(q)
	event := b.timeColumn(b.event, zone)
	q.sql = "SELECT " + b.selected(zone) + "\nFROM " + fromClause(b.view.Origin) + "\nWHERE " + event.until(q.at(until))
	if tie := b.tie(); tie != "" {
		q.sql += "\nORDER BY " + tie
	}
	return q
}

// OfKeys calls visit with the rows of some keys of a view with an event time at or before
// until, those of a key one after the other, and with the bad rows among them. The keys
// are as store/row encodes them.
func (s *Session) OfKeys(ctx context.Context, view int, keys [][]byte, until int64, visit func(arrow.Record, []schema.BadRow) error) error {
	b, err := s.binding(ctx, view)
	if err != nil {
		return err
	}
	q, err := b.keysQuery(keys, until)
	if err != nil {
		return err
	}
	err, visited := b.read(ctx, s.conn, q, visit)
	if visited != nil {
		return s.restore(ctx, visited)
	}
	return sourceError(ctx, b.view, err)
}

// keysQuery lets the planner choose between a look-up of each key and one pass over all
// rows: the conditions make a semi-join.
func (b *binding) keysQuery(keys [][]byte, until int64) (*query, error) {
	q := &query{}
	zone := b.zoneParam(q)
	names, arrays, conditions, err := b.probeColumns(q, zone, keys)
	if err != nil {
		return nil, err
	}
	order := make([]string, b.keys)
	for i, c := range b.columns[:b.keys] {
		if order[i] = c.expression(zone); c.pg.kind == text {
			order[i] += `::text COLLATE "C"`
		}
	}
	q.sql = fmt.Sprintf("SELECT %s\nFROM %s\nWHERE %s\nAND EXISTS (SELECT FROM unnest(%s) AS probe (%s) WHERE %s)\nORDER BY %s",
		b.selected(zone), fromClause(b.view.Origin), b.timeColumn(b.event, zone).until(q.at(until)),
		strings.Join(arrays, ", "), strings.Join(names, ", "), strings.Join(conditions, " AND "), strings.Join(order, ", "))
	return q, nil
}

// Cost is the cost that Postgres expects for the two ways to read a view.
type Cost struct {
	Rows int64 // of the whole history
	// Probe is what one probe costs, in the planner's units.
	Probe float64
}

// Cost returns the cost that Postgres expects. It reads no rows.
func (s *Session) Cost(ctx context.Context, view int) (Cost, error) {
	b, err := s.binding(ctx, view)
	if err != nil {
		return Cost{}, err
	}
	rows, _, err := b.explain(ctx, s.conn, b.historyQuery(schema.EndOfTime))
	if err != nil {
		return Cost{}, sourceError(ctx, b.view, err)
	}
	probe, err := b.newestQuery(&Probes{Keys: [][]byte{b.someKey()}, Times: []int64{0}, Arrived: true, Limit: 1})
	if err != nil {
		return Cost{}, err
	}
	_, one, err := b.explain(ctx, s.conn, probe)
	if err != nil {
		return Cost{}, sourceError(ctx, b.view, err)
	}
	return Cost{Rows: rows, Probe: one}, nil
}

// someKey returns a key of the view. Any key gives the same plan, because the planner
// sees it as the result of a function.
func (b *binding) someKey() []byte {
	key := row.AppendView(nil, b.view.ID)
	for _, k := range b.view.Keys {
		switch k.Type {
		case schema.Bool:
			key = row.AppendBool(key, false)
		case schema.Int32:
			key = row.AppendInt32(key, 0)
		case schema.String, schema.Bytes:
			key = row.AppendString(key, "")
		default:
			key = row.AppendInt64(key, 0)
		}
	}
	return key
}

// indexesQuery lists a table's whole and valid B-trees: the name of the table, and the
// columns of each in order; expressions have no name. Tables without an index are
// listed too; views are not.
const indexesQuery = `
SELECT t.oid::regclass::text, string_agg(COALESCE(a.attname, ''), E'\x01' ORDER BY k.place)
FROM pg_class t
LEFT JOIN (pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree')
	ON i.indrelid = t.oid AND i.indisvalid AND i.indpred IS NULL
LEFT JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place) ON true
LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number AND k.number > 0
WHERE t.oid = to_regclass($1) AND t.relkind IN ('r', 'p', 'm')
GROUP BY t.oid, i.indexrelid`

// namesQuery writes names as SQL does, in quotes where they need them.
const namesQuery = `SELECT string_agg(quote_ident(name), ', ' ORDER BY place) FROM unnest(string_to_array($1, E'\x01')) WITH ORDINALITY AS x (name, place)`

// MissingIndex returns the statement that creates the index that Newest needs: the
// join keys in any order, then the event time. It returns nothing when the index
// exists, or when the source is not a table.
func (s *Session) MissingIndex(ctx context.Context, view int) (string, error) {
	b, err := s.binding(ctx, view)
	if err != nil {
		return "", err
	}
	if b.view.Origin.Table == "" {
		return "", nil
	}
	said := s.conn.ExecParams(ctx, indexesQuery, [][]byte{[]byte(tableName(b.view.Origin))}, []uint32{pgtype.TextOID}, nil, nil).Read()
	if said.Err != nil {
		return "", sourceError(ctx, b.view, said.Err)
	}
	if len(said.Rows) == 0 {
		return "", nil
	}
	for _, index := range said.Rows {
		if b.serves(strings.Split(string(index[1]), "\x01")) {
			return "", nil
		}
	}
	columns := make([]string, 0, b.keys+1)
	for _, c := range b.columns[:b.event+1] {
		columns = append(columns, c.column)
	}
	names := s.conn.ExecParams(ctx, namesQuery, [][]byte{[]byte(strings.Join(columns, "\x01"))}, []uint32{pgtype.TextOID}, nil, nil).Read()
	if names.Err != nil {
		return "", sourceError(ctx, b.view, names.Err)
	}
	return fmt.Sprintf("CREATE INDEX ON %s (%s)", said.Rows[0][0], names.Rows[0][0]), nil
}

// serves reports whether an index of these columns finds the newest row of a key.
func (b *binding) serves(columns []string) bool {
	if len(columns) <= b.keys || columns[b.keys] != b.columns[b.event].column {
		return false
	}
	for _, key := range b.columns[:b.keys] {
		found := false
		for _, c := range columns[:b.keys] {
			found = found || c == key.column
		}
		if !found {
			return false
		}
	}
	return true
}
