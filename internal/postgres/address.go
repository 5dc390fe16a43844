package postgres

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Parse reads an address, which is a URL or key=value pairs, as libpq does. Its error never
// has the address, which may have a password.
func Parse(dsn string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(dsn)
	return config, addressError(err)
}

// ParsePool is [Parse] for a pool.
func ParsePool(dsn string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(dsn)
	return config, addressError(err)
}

// User returns the user of an address. Where it names none, it is the one that libpq would
// take.
func User(dsn string) (string, error) {
	config, err := Parse(dsn)
	if err != nil {
		return "", err
	}
	return config.User, nil
}

// addressError says what is wrong with an address. pgx quotes the address, and does not find
// the password of each.
func addressError(err error) error {
	if err == nil {
		return nil
	}
	why := ""
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) {
		text := err.Error()
		if _, after, found := cutLast(text, "`: "); found {
			why = after
		}
		if !strings.HasPrefix(why, "failed to configure TLS") { // which names files, and no part of the address
			why, _, _ = strings.Cut(why, " (")
		}
	}
	if why == "" {
		why = "it is neither a URL nor key=value pairs"
	}
	return fmt.Errorf("the address of Postgres can't be read: %s; write it as postgres://USER@HOST:PORT/DATABASE, with %%40 for @ in a password", why)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// mask takes the place of a password.
const mask = "***"

var (
	keyValue      = regexp.MustCompile(`^\s*[A-Za-z_]+\s*=`)
	keyPassword   = regexp.MustCompile(`(?i)((?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'?|(?:\\.|[^\s\\])+)`)
	paramPassword = regexp.MustCompile(`(?i)([?&](?:[a-z_]*password|[a-z_]*secret|[a-z_]*token|api_?key)=)[^&#]*`)
)

// Mask returns an address without its passwords, for people. It is an address of Postgres,
// in either form, or any other URL; also one that can't be parsed.
func Mask(address string) string {
	if keyValue.MatchString(address) {
		return keyPassword.ReplaceAllString(address, "${1}"+mask)
	}
	address = paramPassword.ReplaceAllString(address, "${1}"+mask)
	scheme, rest, found := strings.Cut(address, "://")
	if found {
		scheme += "://"
	} else {
		scheme, rest = "", address
	}
	// A password with an unescaped / or @ ends at the last @.
	head, tail, found := cutLast(rest, "@")
	if user, _, has := strings.Cut(head, ":"); found && has {
		rest = user + ":" + mask + "@" + tail
	}
	return scheme + rest
}
