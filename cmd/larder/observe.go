package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
)

func newLogger(w io.Writer, cfg settings) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		return nil, usageError(fmt.Sprintf("--log-level is %q; it can be debug, info, warn or error", cfg.LogLevel))
	}
	options := &slog.HandlerOptions{Level: level}
	switch cfg.LogFormat {
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	}
	return nil, usageError(fmt.Sprintf("--log-format is %q; it can be text or json", cfg.LogFormat))
}

// serverName is the host and the gRPC port: two servers of a host differ.
func serverName(addr net.Addr) (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(addr.String())
	return host + ":" + port, err
}
