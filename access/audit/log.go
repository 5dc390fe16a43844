package audit

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"larder/access"
	"larder/internal/postgres"
	"larder/schema"
)

// Options configure a Log.
type Options struct {
	DSN    string        // of the registry; empty: the trail is in files alone
	Dir    string        // of the files; it is made. Empty: the trail is in the table alone
	Server string        // the server's name, in the names of chains
	Keep   time.Duration // how long records are kept

	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
}

// Limits of what waits to be written.
const (
	mostInBatch = 256
	mostWaiting = 10_000 // of those that nobody waits for
	mostNoted   = 1_000  // different refusals within notedFor
	notedFor    = 10 * time.Second
	writeWithin = 5 * time.Second
)

// A Log writes one chain. It is safe for concurrent use.
type Log struct {
	opts  Options
	pool  *pgxpool.Pool // nil without a DSN
	chain string
	lost  prometheus.Counter

	queue chan *pending
	mu    sync.Mutex
	noted map[notedKey]*Entry
	later []*pending // nobody waits for them

	// Of the goroutine that writes:
	at   time.Time // when the last record was written; it never goes back
	seq  int64
	last hash
	file *os.File
	day  string
	// unfiled are lines that the file lacks.
	unfiled   []byte
	fileFails bool
	opened    bool // the first record is written
}

// A pending is an entry to be written.
type pending struct {
	Entry
	at   time.Time
	done chan error // nil where nobody waits
}

// Open returns a Log. It writes nothing before Run.
func Open(opts Options) (*Log, error) {
	opts.Logger = cmp.Or(opts.Logger, slog.Default())
	if opts.Dir == "" && opts.DSN == "" {
		return nil, errors.New("open the audit trail: it needs a folder, a database, or both")
	}
	if opts.Dir != "" {
		if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("open the audit trail: %w", err)
		}
	}
	l := &Log{
		opts: opts, chain: chainName(opts.Server),
		queue: make(chan *pending, mostInBatch), noted: map[notedKey]*Entry{},
		lost: prometheus.NewCounter(prometheus.CounterOpts{Name: "larder_audit_lost_total", Help: "Refusals and outcomes that the audit trail has not, since it could not be written for long."}),
	}
	if opts.Registerer != nil {
		opts.Registerer.MustRegister(l.lost)
	}
	if opts.DSN == "" {
		return l, nil
	}
	config, err := pgxpool.ParseConfig(opts.DSN)
	if err != nil {
		return nil, schema.BadDSN.Wrap(err, "the Postgres address can't be read; write postgres://USER@HOST:PORT/DATABASE")
	}
	config.MaxConns = 3
	postgres.BoundPool(config)
	if l.pool, err = pgxpool.NewWithConfig(context.Background(), config); err != nil {
		return nil, fmt.Errorf("open the audit trail: %w", err)
	}
	return l, nil
}

func chainName(server string) string {
	return server + "/" + time.Now().UTC().Format("20060102T150405Z") + "-" + strings.ToLower(rand.Text()[:6])
}

// Close closes the file and the connections. Run must have returned.
func (l *Log) Close() error {
	if l.pool != nil {
		postgres.Close(l.pool)
	}
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// Before records a decision. When it returns nil the record is on disk, and the effect may
// follow.
func (l *Log) Before(ctx context.Context, e Entry) error {
	p := &pending{Entry: e, at: time.Now(), done: make(chan error, 1)}
	timeout := time.NewTimer(2 * writeWithin)
	defer timeout.Stop()
	select {
	case l.queue <- p:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timeout.C:
		return unwritten(errors.New("it is busy"))
	}
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timeout.C:
		return unwritten(errors.New("it takes too long"))
	}
}

func unwritten(err error) error {
	var network *net.OpError
	if errors.As(err, &network) || errors.Is(err, postgres.ErrSilent) || errors.Is(err, context.DeadlineExceeded) {
		return schema.AuditUnavailable.Wrap(err, "nothing was done, since the audit trail can't be written: its Postgres can't be reached; try again")
	}
	return schema.AuditUnavailable.Wrap(err, "nothing was done, since the audit trail can't be written; check Postgres and the disk of the data folder (the server's log has the cause), and try again")
}

// A notedKey tells one kind of entry from another.
type notedKey struct{ caller, action, resources, method, from, outcome, code string }

// Note records an entry that nothing waits for, within a second. Others without a request id
// that are equal to it within some seconds become one, with a count.
func (l *Log) Note(e Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.RequestID != "" {
		l.wait(&pending{Entry: e, at: time.Now()})
		return
	}
	key := notedKey{e.Caller, string(e.Action), strings.Join(e.Resources, "\x00"), e.Method, e.From, string(e.Outcome), e.Code}
	known := l.noted[key]
	if known == nil && len(l.noted) >= mostNoted { // somebody makes them up
		key = notedKey{outcome: string(e.Outcome), code: e.Code}
		e = Entry{Outcome: e.Outcome, Code: e.Code, Method: "others"}
		known = l.noted[key]
	}
	if known != nil {
		known.Count++
		return
	}
	l.wait(&pending{Entry: e, at: time.Now()})
	l.noted[key] = &e
}

// wait keeps an entry that nobody waits for until it can be written.
func (l *Log) wait(p *pending) {
	if len(l.later) >= mostWaiting {
		l.lost.Inc()
		return
	}
	l.later = append(l.later, p)
}

// Run writes until ctx ends, and then what has come by then.
func (l *Log) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	swept, settled := time.Time{}, time.Now()
	for {
		select {
		case <-ctx.Done():
			l.settle()
			l.drain()
			return nil
		case p := <-l.queue:
			l.write(l.more(p))
		case now := <-tick.C:
			if now.Sub(settled) >= notedFor {
				l.settle()
				settled = now
			}
			l.drain()
			if now.Sub(swept) >= time.Hour {
				l.sweep(ctx)
				swept = now
			}
		}
	}
}

// settle has the counted entries written, and begins to count anew.
func (l *Log) settle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, e := range l.noted {
		if e.Count > 0 {
			l.wait(&pending{Entry: *e, at: time.Now()})
		}
		delete(l.noted, key)
	}
}

// more returns what can be written together with p.
func (l *Log) more(p *pending) []*pending {
	batch := []*pending{p}
	for len(batch) < mostInBatch {
		select {
		case next := <-l.queue:
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

// drain writes what nobody waits for.
func (l *Log) drain() {
	for l.write(nil) {
	}
}

// write writes entries that somebody waits for, and some that nobody waits for. It reports
// whether there was something, and it is written.
func (l *Log) write(batch []*pending) bool {
	l.mu.Lock()
	later := l.later[:min(len(l.later), mostInBatch)]
	l.mu.Unlock()
	if len(batch)+len(later) == 0 {
		return false
	}
	err := l.append(slices.Concat(later, batch))
	if err != nil {
		l.opts.Logger.Error("the audit trail can't be written", "error", err)
		err = unwritten(err)
	} else {
		l.mu.Lock()
		l.later = l.later[len(later):]
		l.mu.Unlock()
	}
	for _, p := range batch {
		p.done <- err
	}
	return err == nil
}

// append writes entries to the table and then to the file.
func (l *Log) append(batch []*pending) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeWithin)
	defer cancel()
	err := l.appendTo(ctx, batch)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "23505" { // unique_violation: written before, when the answer got lost
		l.chain, l.seq, l.last, l.opened = chainName(l.opts.Server), 0, hash{}, false
		err = l.appendTo(ctx, batch)
	}
	return err
}

func (l *Log) appendTo(ctx context.Context, batch []*pending) error {
	if !l.opened {
		newest, err := l.newest(ctx)
		if err != nil {
			return err
		}
		batch = slices.Concat([]*pending{{Entry: Entry{Outcome: access.Started}, at: time.Now()}}, batch)
		return l.put(ctx, batch, newest)
	}
	return l.put(ctx, batch, "")
}

func (l *Log) put(ctx context.Context, batch []*pending, after string) error {
	var lines [][]byte
	var hashes []hash
	seq, last := l.seq, l.last
	for i, p := range batch {
		r := &Record{Chain: l.chain, Seq: seq + 1, At: stamp(p.at), Entry: p.Entry}
		if i == 0 {
			r.After = after
		}
		line, h, err := seal(r, last)
		if err != nil {
			return err
		}
		seq, last = r.Seq, h
		lines, hashes = append(lines, line), append(hashes, h)
	}
	if now := time.Now(); now.After(l.at) {
		l.at = now
	}
	if l.pool != nil {
		rows := pgx.CopyFromSlice(len(batch), func(i int) ([]any, error) {
			return []any{l.chain, l.seq + int64(i) + 1, l.at, string(lines[i]), hashes[i][:]}, nil
		})
		if _, err := l.pool.CopyFrom(ctx, pgx.Identifier{"larder", "audit"}, []string{"chain", "seq", "at", "record", "hash"}, rows); err != nil {
			return err
		}
	}
	l.seq, l.last, l.opened = seq, last, true
	for i, line := range lines {
		l.unfiled = append(l.unfiled, withHash(line, hashes[i])...)
	}
	err := l.putFile()
	if err == nil || l.pool == nil {
		return err
	}
	// The table has them; the file gets them when it can be written again.
	if !l.fileFails {
		l.opts.Logger.Error("the files of the audit trail can't be written; the table has the records", "error", err)
	}
	l.fileFails = true
	if len(l.unfiled) > mostUnfiled {
		l.lost.Add(float64(bytes.Count(l.unfiled, []byte("\n"))))
		l.unfiled = nil
	}
	return nil
}

// mostUnfiled bounds the bytes that wait for the file.
const mostUnfiled = 16 << 20

// newest returns the hash of the newest record of any chain, in hexadecimal.
func (l *Log) newest(ctx context.Context) (h string, err error) {
	if l.pool == nil {
		return "", nil
	}
	err = l.pool.QueryRow(ctx, "SELECT encode(hash, 'hex') FROM larder.audit ORDER BY at DESC, chain, seq DESC LIMIT 1").Scan(&h)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return h, err
}

// Read calls each with the records from a time to another, chain by chain, as the table has
// them, and checks them. Where each returns false it reads no further.
func (l *Log) Read(ctx context.Context, since, until time.Time, each func(*Record) bool) (*Checker, error) {
	if l.pool == nil {
		return nil, schema.NoPostgres.Errorf("this server runs without Postgres: its trail is in the files of its data folder (larder audit --file)")
	}
	rows, err := l.pool.Query(ctx, "SELECT record, hash FROM larder.audit WHERE at >= $1 AND at < $2 ORDER BY chain, seq", since, until)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	c := NewChecker()
	for rows.Next() {
		var line string
		var sum []byte
		if err := rows.Scan(&line, &sum); err != nil {
			return nil, err
		}
		r, err := c.Add([]byte(line), hash(sum))
		if err == nil && !each(r) {
			break
		}
	}
	return c, rows.Err()
}

// lines reads lines of a bounded length.
type lines struct{ r *bufio.Reader }

const maxLine = 1 << 20

func newLines(r io.Reader) *lines { return &lines{bufio.NewReaderSize(r, maxLine)} }

func (l *lines) next() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("it has more than %d bytes", maxLine)
	}
	if errors.Is(err, io.EOF) && len(line) > 0 {
		return line, nil
	}
	return line, err
}
