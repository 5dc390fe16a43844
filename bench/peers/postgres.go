package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"larder/bench"
)

const postgresName = "postgres"

// A postgresLookup reads the newest rows where they are: in the tables, which hold
// one row for each entity, by their primary keys.
type postgresLookup struct {
	pool  *pgxpool.Pool
	width int
	one   string // statement for one entity
	many  string
}

// postgresParameters: the statement is planned once, not again with each request,
// and never compiled.
var postgresParameters = map[string]string{"plan_cache_mode": "force_generic_plan", "jit": "off"}

// maxPostgresConns: of 2, 5, 10 and 20 on two cores with 32 requests in flight, 10 and
// 20 were ahead for one row; for more rows all except 2 were equally fast.
const maxPostgresConns = 10

func openPostgresLookup(ctx context.Context, dsn string, tables []table) (*postgresLookup, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.MaxConns = maxPostgresConns
	for name, value := range postgresParameters {
		config.ConnConfig.RuntimeParams[name] = value
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	p := &postgresLookup{pool: pool}
	p.one, p.many = postgresStatements(tables)
	for _, t := range tables {
		p.width += t.features
	}
	return p, nil
}

// postgresStatements return one statement for all views: the rows of a request and
// all their features, in one round trip. A row number is the first column. One
// entity has a statement of its own, which takes 59 µs where the other takes 97.
func postgresStatements(tables []table) (one, many string) {
	var columns, joins, crossed strings.Builder
	for i, t := range tables {
		for f := range t.features {
			fmt.Fprintf(&columns, ", v%d.f%d", i, f)
		}
		fmt.Fprintf(&joins, " JOIN bench.%s v%d ON v%d.entity_id = k.id", t.name, i, i)
		fmt.Fprintf(&crossed, " CROSS JOIN bench.%s v%d", t.name, i)
	}
	for i := range tables {
		crossed.WriteString([]string{" WHERE ", " AND "}[min(i, 1)])
		fmt.Fprintf(&crossed, "v%d.entity_id = $1", i)
	}
	return "SELECT 1::bigint" + columns.String() + " FROM (SELECT) AS k" + crossed.String(),
		"SELECT k.n" + columns.String() + " FROM unnest($1::bigint[]) WITH ORDINALITY AS k(id, n)" + joins.String()
}

func (p *postgresLookup) read(ctx context.Context, ids []int64, rows []float32) error {
	sql, argument := p.many, any(ids)
	if len(ids) == 1 {
		sql, argument = p.one, ids[0]
	}
	found, err := p.pool.Query(ctx, sql, argument)
	if err != nil {
		return err
	}
	defer found.Close()
	n := 0
	for ; found.Next(); n++ {
		raw := found.RawValues() // binary, as pgx asks for these types
		row := rows[(int(binary.BigEndian.Uint64(raw[0]))-1)*p.width:][:p.width]
		for i, value := range raw[1:] {
			row[i] = float32(math.Float64frombits(binary.BigEndian.Uint64(value)))
		}
	}
	if err := found.Err(); err != nil {
		return err
	}
	if n != len(ids) {
		return fmt.Errorf("postgres has %d of %d entities", n, len(ids))
	}
	return nil
}

func (p *postgresLookup) close() { p.pool.Close() }

// joinPostgres gives the tables primary keys.
func (s settings) joinPostgres(ctx context.Context, g bench.Ground) ([]bench.Peer, func(), error) {
	conn, err := pgx.Connect(ctx, g.DSN)
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close(ctx)
	for _, view := range g.Views {
		for _, sql := range []string{"ALTER TABLE bench.%s ADD PRIMARY KEY (entity_id)", "VACUUM (ANALYZE) bench.%s"} {
			if _, err := conn.Exec(ctx, fmt.Sprintf(sql, view)); err != nil {
				return nil, nil, err
			}
		}
	}
	var version, buffers string
	if err := conn.QueryRow(ctx, "SELECT version(), current_setting('shared_buffers')").Scan(&version, &buffers); err != nil {
		return nil, nil, err
	}
	score, stop, err := s.startServer(ctx, g, postgresName, g.DSN)
	return []bench.Peer{{Name: postgresName, Score: score, Config: []string{
		version,
		"shared_buffers " + buffers + ", which hold all tables; unlogged tables with a primary key, one row for each entity, vacuumed and analyzed",
		fmt.Sprintf("pgx v5 over the loopback, a pool of %d connections, a prepared statement for all views and rows, one for one row, in binary; %v", maxPostgresConns, postgresParameters),
		sameServer,
	}}}, stop, err
}

// postgresStatementOf reads a whole table.
func postgresStatementOf(t table) string {
	columns := ""
	for f := range t.features {
		columns += fmt.Sprintf(", f%d", f)
	}
	return "SELECT entity_id" + columns + " FROM bench." + t.name
}
