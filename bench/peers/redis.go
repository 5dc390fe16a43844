package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/rueidis"

	"larder/bench"
)

const redisName = "redis"

// A redisServer is a private Redis.
type redisServer struct {
	cmd    *exec.Cmd
	socket string
	port   int // of the loopback
	exited chan struct{}
	args   []string
}

// startRedis starts Redis as its guide to latency says: no snapshots, no
// append-only file, a socket. A hash of packed views stays one block of memory.
func startRedis(ctx context.Context, binary, dir string) (*redisServer, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	r := &redisServer{socket: filepath.Join(dir, "redis.sock"), port: port, exited: make(chan struct{})}
	r.args = []string{"--save", "", "--appendonly", "no", "--hash-max-listpack-value", "128"}
	args := append([]string{"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--unixsocket", r.socket, "--dir", dir, "--daemonize", "no"}, r.args...)
	log, err := os.Create(filepath.Join(dir, "redis.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	r.cmd = exec.Command(binary, args...)
	r.cmd.Stdout, r.cmd.Stderr = log, log
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start Redis: %w; bench/peers/run.sh installs it", err)
	}
	go func() {
		_ = r.cmd.Wait() // how it ended is in its log
		close(r.exited)
	}()
	if err := r.await(ctx); err != nil {
		r.stop()
		return nil, fmt.Errorf("start Redis: %w", err)
	}
	return r, nil
}

func (r *redisServer) await(ctx context.Context) error {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if conn, err := net.Dial("unix", r.socket); err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.exited:
			return fmt.Errorf("it ended at once")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (r *redisServer) stop() {
	_ = r.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	<-r.exited
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// dialRedis returns a client that pipelines what is asked at the same time.
func dialRedis(socket string) (rueidis.Client, error) {
	return rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{socket}, DisableCache: true,
		DialCtxFn: func(ctx context.Context, addr string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return d.DialContext(ctx, "unix", addr)
		},
	})
}

// A redisLookup reads one hash for each entity. Its fields are the views, since
// each view is refreshed by itself; a field is the view's doubles, little-endian.
type redisLookup struct {
	client rueidis.Client
	tables []table
	fields []string
	width  int
}

func openRedisLookup(socket string, tables []table) (*redisLookup, error) {
	client, err := dialRedis(socket)
	if err != nil {
		return nil, err
	}
	r := &redisLookup{client: client, tables: tables}
	for _, t := range tables {
		r.fields = append(r.fields, t.name)
		r.width += t.features
	}
	return r, nil
}

// redisKey returns the key of an entity's hash.
func redisKey(id int64) string {
	return string(binary.BigEndian.AppendUint64([]byte("e:"), uint64(id)))
}

func (r *redisLookup) read(ctx context.Context, ids []int64, rows []float32) error {
	commands := make(rueidis.Commands, len(ids))
	for i, id := range ids {
		commands[i] = r.client.B().Hmget().Key(redisKey(id)).Field(r.fields...).Build()
	}
	for i, result := range r.client.DoMulti(ctx, commands...) {
		views, err := result.ToArray()
		if err != nil {
			return err
		}
		row := rows[i*r.width:][:r.width]
		for v, t := range r.tables {
			packed, err := views[v].ToString()
			if err != nil || len(packed) != 8*t.features {
				return notThere(redisName, ids[i], t.name)
			}
			for f := range t.features {
				row[f] = float32(math.Float64frombits(littleEndian(packed[8*f:])))
			}
			row = row[t.features:]
		}
	}
	return nil
}

// littleEndian reads a string as package binary does a slice, without a copy.
func littleEndian(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func (r *redisLookup) close() { r.client.Close() }

// joinRedis fills Redis from Postgres.
func (s settings) joinRedis(ctx context.Context, g bench.Ground, redis *redisServer) ([]bench.Peer, func(), error) {
	client, err := dialRedis(redis.socket)
	if err != nil {
		return nil, nil, err
	}
	defer client.Close()
	conn, err := pgx.Connect(ctx, g.DSN)
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close(ctx)
	for _, view := range g.Views {
		if err := fillRedis(ctx, conn, client, table{view, g.Scenario.Features}); err != nil {
			return nil, nil, fmt.Errorf("fill from %s: %w", view, err)
		}
	}
	info, err := client.Do(ctx, client.B().Info().Section("server").Build()).ToString()
	if err != nil {
		return nil, nil, err
	}
	score, stop, err := s.startServer(ctx, g, redisName, redis.socket)
	if err != nil {
		return nil, nil, err
	}
	bare, stopBare, err := s.startServer(ctx, g, redisName, redis.socket, "--bare")
	if err != nil {
		stop()
		return nil, nil, err
	}
	return []bench.Peer{{Name: redisName, Score: score, Config: []string{
		"Redis " + infoField(info, "redis_version") + ": " + strings.Join(redis.args[2:], " ") + ", no snapshots, one thread for I/O",
		"a hash for each entity, a field for each view with its doubles packed",
		"rueidis on a Unix socket, which pipelines all requests in flight; an HMGET for each row, one pipeline for each request",
		sameServer,
	}}, {Name: redisName + ", bare gRPC", Score: bare, Config: []string{
		"the same, without that shell: no deadlines, limits, metrics and logs",
	}}}, func() { stopBare(); stop() }, nil
}

func infoField(info, name string) string {
	_, rest, _ := strings.Cut(info, name+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

func fillRedis(ctx context.Context, conn *pgx.Conn, client rueidis.Client, t table) error {
	const batch = 1000
	rows, err := conn.Query(ctx, postgresStatementOf(t))
	if err != nil {
		return err
	}
	defer rows.Close()
	var commands rueidis.Commands
	flush := func() error {
		for _, result := range client.DoMulti(ctx, commands...) {
			if err := result.Error(); err != nil {
				return err
			}
		}
		commands = commands[:0]
		return nil
	}
	for rows.Next() {
		raw := rows.RawValues()
		packed := make([]byte, 0, 8*t.features)
		for _, value := range raw[1:] {
			packed = binary.LittleEndian.AppendUint64(packed, binary.BigEndian.Uint64(value))
		}
		key := redisKey(int64(binary.BigEndian.Uint64(raw[0])))
		commands = append(commands, client.B().Hset().Key(key).FieldValue().FieldValue(t.name, rueidis.BinaryString(packed)).Build())
		if len(commands) == batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return flush()
}
