package pgdev_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"testing"

	"larder/internal/pgdev"
)

// TestAddressStaysTheSameOverStarts: both addresses do, and only a port that another
// program has taken changes, with a word of warning.
func TestAddressStaysTheSameOverStarts(t *testing.T) {
	dir := folder(t)
	var log bytes.Buffer
	start := func() (dsn, user string, stop func() error) {
		t.Helper()
		c, err := pgdev.Start(t.Context(), pgdev.Options{Dir: dir, Fast: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		user, err = c.UserDSN(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return c.DSN(), user, c.Stop
	}
	dsn, user, stop := start()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	again, userAgain, stop := start()
	if again != dsn || userAgain != user {
		t.Errorf("the addresses were\n%s\n%s\nand are\n%s\n%s", dsn, user, again, userAgain)
	}
	if got := query(t, userAgain, "SELECT current_user::text"); got != pgdev.User {
		t.Errorf("the user is %q", got)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", address.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if log.Len() > 0 {
		t.Errorf("the log says %s", log.String())
	}
	moved, userMoved, stop := start()
	if moved == dsn || !strings.Contains(log.String(), "another program has taken the port of the private Postgres") || !strings.Contains(log.String(), fmt.Sprintf("taken=%s", address.Port())) {
		t.Errorf("at %s; the log says %s", moved, log.String())
	}
	if got := query(t, userMoved, "SELECT 'answers'"); got != "answers" {
		t.Errorf("got %q", got)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if last, _, stop := start(); last != moved {
		t.Errorf("the new port was not kept: %s, then %s", moved, last)
	} else if err := stop(); err != nil {
		t.Fatal(err)
	}
}
