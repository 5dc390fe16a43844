package postgres

import (
	"cmp"
	"context"
	"errors"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The bounds. A Postgres that stopped is noticed within silence and askWithin, or at the
// latest within longestSilence and askWithin in a query that has been silent for long.
const (
	connectWithin  = 5 * time.Second // unless the address has a connect_timeout
	silence        = 8 * time.Second // without a byte, until Postgres is asked for the first time
	longestSilence = 30 * time.Second
	askWithin      = 3 * time.Second
	sendWithin     = 30 * time.Second // one write; it waits when Postgres doesn't read
	pingWithin     = 2 * time.Second  // for a connection that waited in a pool
	closeWithin    = 3 * time.Second
)

// ErrSilent is the error of a connection whose Postgres does not answer.
var ErrSilent = errors.New("Postgres does not answer")

// Bound bounds the waiting of connections that are made with a config, and makes spans of
// their queries.
func Bound(config *pgx.ConnConfig) { bound(config, silence) }

func bound(config *pgx.ConnConfig, first time.Duration) {
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, connectWithin)
	config.Tracer = tracer{}
	dial := config.DialFunc
	asking := config.Config.Copy()
	asking.ConnectTimeout = askWithin
	asking.AfterConnect, asking.OnNotice, asking.OnNotification = nil, nil, nil
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		noticeDeadPeers(c)
		return &conn{Conn: c, first: first, ask: func(ctx context.Context) error { return ask(ctx, asking) }}, nil
	}
}

// ask returns nil when Postgres answers, be it with a refusal such as "too many
// connections".
func ask(ctx context.Context, config *pgconn.Config) error {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	c, err := pgconn.ConnectConfig(ctx, config)
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return nil
	}
	if err != nil {
		return err
	}
	return c.Close(ctx)
}

// BoundPool does the same with a pool and its connections.
func BoundPool(config *pgxpool.Config) {
	Bound(config.ConnConfig)
	config.PingTimeout = pingWithin
}

// Close closes a pool. Connections to a Postgres that doesn't answer are left to end by
// themselves.
func Close(pool *pgxpool.Pool) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		pool.Close()
	}()
	select {
	case <-closed:
	case <-time.After(closeWithin):
	}
}
