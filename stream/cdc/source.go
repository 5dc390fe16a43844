package cdc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"larder/internal/postgres"
	"larder/schema"
	"larder/stream/source"
)

const (
	patience        = 15 * time.Second // for what a statement needs
	maxMessages     = 5000
	maxMessageBytes = 4 << 20 // of a batch
	maxRowBytes     = 64 << 20
)

// Options configure a source.
type Options struct {
	// DSN is the address of the database that has the table. Its role needs REPLICATION, and
	// the right to make a publication of the table. Required.
	DSN string
	// Confirm is how often Postgres is told what is in the log. Defaults to 10 seconds, a
	// sixth of the silence after which Postgres hangs up.
	Confirm time.Duration
	// Logger gets losses that are accepted. Defaults to slog.Default().
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Confirm = cmp.Or(o.Confirm, 10*time.Second)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return o
}

// A Source reads the changes of a table. Fetch is for one goroutine; Acknowledge and Lag
// may be called beside it.
type Source struct {
	opts        Options
	table       string // SCHEMA.TABLE
	slot        string
	publication string
	idColumn    string // of event_id
	goesOn      bool   // on_data_loss: continue
	config      *pgx.ConnConfig

	incarnation  string
	oid          uint32 // of the table
	schema, name string
	from         string            // both, quoted
	bases        map[uint32]uint32 // of domains: the types that they are of

	mail  *mailbox
	ended chan struct{} // closed when the reader has ended
	err   error         // why it ended; read after that
	end   context.CancelFunc

	mu        sync.Mutex
	confirmed pglogrepl.LSN // what is in the log
}

// Open connects to Postgres, sees whether the table, its publication and the slot are as
// they have to be, and begins to read: behind the position of the log, or with all rows
// when there is none.
func Open(ctx context.Context, stream *schema.Stream, from []source.Position, opts Options) (*Source, error) {
	definition := stream.PostgresCDC
	s := &Source{
		opts: opts.withDefaults(), table: definition.Table,
		slot:        stream.CDCSlot(),
		publication: stream.CDCPublication(),
		goesOn:      stream.OnDataLoss == schema.ContinueOnDataLoss,
		mail:        newMailbox(), ended: make(chan struct{}),
	}
	if i := stream.Field(stream.EventID); i >= 0 {
		s.idColumn, _, _ = strings.Cut(stream.Fields[i].ValuePath(), ".")
	}
	var err error
	if s.config, err = postgres.Parse(opts.DSN); err != nil {
		return nil, fmt.Errorf("table %s: %w", s.table, err)
	}
	for name, value := range settings {
		s.config.RuntimeParams[name] = value
	}
	postgres.Bound(s.config)
	run, err := s.begin(ctx, from)
	if err != nil {
		return nil, s.explain(err)
	}
	life, end := context.WithCancel(context.Background())
	s.end = end
	go func() {
		defer close(s.ended)
		s.err = s.explain(run(life))
	}()
	return s, nil
}

// settings are those that the texts of values depend on.
var settings = map[string]string{
	"datestyle": "ISO", "intervalstyle": "iso_8601", "timezone": "UTC", "bytea_output": "hex", "extra_float_digits": "3",
	"client_encoding": "UTF8", "application_name": "larder", "statement_timeout": "0", "idle_in_transaction_session_timeout": "0",
}

// Fetch returns the next rows or changes.
func (s *Source) Fetch(ctx context.Context) (source.Batch, error) {
	batch, ok, err := s.mail.take(ctx, s.ended)
	if err == nil && !ok {
		err = s.err
	}
	return batch, err
}

// Acknowledge notes that a batch is in the log. Postgres is told within Options.Confirm.
func (s *Source) Acknowledge(_ context.Context, b source.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, position := range b.Positions {
		s.confirmed = max(s.confirmed, pglogrepl.LSN(position.Next))
	}
	return nil
}

func (s *Source) toConfirm() pglogrepl.LSN {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.confirmed
}

// Lag asks Postgres how much of its log is kept for us. Nobody knows how many changes of
// the table are in it.
func (s *Source) Lag(ctx context.Context) ([]source.Lag, error) {
	conn, err := pgx.ConnectConfig(ctx, s.config)
	if err != nil {
		return nil, s.explain(err)
	}
	defer closeConn(conn.PgConn())
	lag := source.Lag{Events: -1}
	const sql = "SELECT greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn), 0)::bigint FROM pg_replication_slots WHERE slot_name = $1"
	if err := conn.QueryRow(ctx, sql, s.slot).Scan(&lag.Bytes); err != nil {
		return nil, s.explain(fmt.Errorf("read the lag of slot %q: %w", s.slot, err))
	}
	return []source.Lag{lag}, nil
}

// Close ends the connections. Postgres is told what is in the log.
func (s *Source) Close() error {
	s.end()
	<-s.ended
	return nil
}

func closeConn(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // Postgres ends what we leave
}

// explain turns an error that only a person can mend into a *source.Stopped, and names the
// table in others.
func (s *Source) explain(err error) error {
	var lost *source.Lost
	var stopped *source.Stopped
	if errors.As(err, &lost) || errors.As(err, &stopped) {
		return err
	}
	var said *pgconn.PgError
	if errors.As(err, &said) {
		switch {
		case said.Code == "42501":
			return s.stop("%s; as a superuser run: ALTER ROLE %s REPLICATION; and make the role the table's owner, or make the publication yourself: CREATE PUBLICATION %s FOR TABLE %s",
				said.Message, quote(s.config.User), quote(s.publication), s.table)
		case said.Code == "53400" && strings.Contains(said.Message, "slots"):
			return s.stop("%s; raise max_replication_slots, or drop a slot that nobody reads", said.Message)
		case said.Code == "55006":
			return fmt.Errorf("table %s: %s; another server may still read it", s.table, said.Message)
		}
	}
	return fmt.Errorf("table %s: %w", s.table, err)
}

func (s *Source) stop(format string, args ...any) error {
	return &source.Stopped{Why: fmt.Sprintf("table %s: ", s.table) + fmt.Sprintf(format, args...)}
}

// lose returns the loss, or logs it when the definition accepts losses.
func (s *Source) lose(format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	if !s.goesOn {
		return &source.Lost{Why: fmt.Sprintf("table %s: %s; run larder stream seek, or set on_data_loss: continue", s.table, what)}
	}
	s.opts.Logger.Warn("a stream's source has lost messages, and goes on", "table", s.table, "loss", what)
	return nil
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
