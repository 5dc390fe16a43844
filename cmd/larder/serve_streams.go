package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"larder/schema"
	"larder/store/online"
	"larder/stream"
	"larder/stream/cdc"
	"larder/stream/kafka"
	"larder/stream/nats"
	"larder/stream/rabbitmq"
	"larder/stream/source"
)

// A foldingStore is the online store as streams see it.
type foldingStore struct{ *online.Store }

var (
	_ stream.Store  = foldingStore{}
	_ stream.Folder = (*online.Folder)(nil)
)

func (s foldingStore) Folder(ctx context.Context, viewID uint32) (stream.Folder, error) {
	return s.NewFolder(ctx, viewID)
}

// openStreams returns the runner of streams.
func openStreams(n *node) *stream.Runner {
	return stream.New(stream.Options{
		Catalog: n.registry.Catalog, Building: n.registry.Building, Logs: n.logs, Store: foldingStore{n.online},
		Open: n.openSource, Secrets: secret, Hosts: n.streamHosts, Forgotten: n.forgotten.List, Server: n.cfg.Name, Logger: n.log, Registerer: n.metrics,
	})
}

// secret returns the value of a variable that definitions may name.
func secret(name string) (string, bool) {
	if !strings.HasPrefix(name, schema.SecretPrefix) {
		return "", false
	}
	return os.LookupEnv(name)
}

// openSource opens the source of a stream.
func (n *node) openSource(ctx context.Context, s *schema.Stream, from []source.Position) (stream.Source, error) {
	switch {
	case s.Kafka != nil:
		return kafka.Open(ctx, s, from, kafka.Options{Hosts: n.streamHosts, Secrets: secret, Logger: n.log})
	case s.PostgresCDC != nil:
		if err := n.offline.MayRead(ctx, s.Name, s.PostgresCDC.Table); err != nil {
			return nil, err
		}
		return cdc.Open(ctx, s, from, cdc.Options{DSN: n.cfg.Postgres, Logger: n.log})
	case s.RabbitMQ != nil:
		return rabbitmq.Open(ctx, s, from, rabbitmq.Options{Hosts: n.streamHosts, Secrets: secret, Logger: n.log})
	case s.NATS != nil:
		return nats.Open(ctx, s, from, nats.Options{Hosts: n.streamHosts, Secrets: secret, Logger: n.log})
	}
	return nil, fmt.Errorf("stream %q: no source %s", s.Name, s.SourceName())
}
