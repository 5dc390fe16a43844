package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDevTellsWhatHasEnded: the server, or only its Postgres.
func TestDevTellsWhatHasEnded(t *testing.T) {
	listen := func() net.Listener {
		t.Helper()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	server, postgres := listen(), listen()
	dir := t.TempDir()
	raw, err := json.Marshal(devServer{Postgres: "postgres://dev:secret@" + postgres.Addr().String() + "/larder", GRPC: server.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, devFile), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := findDev(dir); err != nil {
		t.Error(err)
	}
	postgres.Close()
	if _, err := findDev(dir); err == nil || !strings.Contains(err.Error(), "its Postgres at "+postgres.Addr().String()+" has ended; restart larder serve --dev") {
		t.Errorf("without Postgres: %v", err)
	}
	server.Close()
	if _, err := findDev(dir); err == nil || !strings.Contains(err.Error(), "no larder serve --dev runs on the data folder") {
		t.Errorf("without the server: %v", err)
	}
}

func TestShellWord(t *testing.T) {
	f := func(word, want string) {
		t.Helper()
		if got := shellWord(word); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f("/var/lib/larder-data", "/var/lib/larder-data")
	f("a b", "'a b'")
	f("it's", `'it'\''s'`)
	f("", "''")
}
