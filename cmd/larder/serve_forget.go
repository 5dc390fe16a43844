package main

import (
	"context"
	"errors"

	"larder/control/forget"
	"larder/schema"
)

// startForgetting removes the keys that were forgotten while the server was down, before
// anything is written. Rows of a snapshot are not served before that.
func (n *node) startForgetting(ctx context.Context) error {
	n.follower = forget.NewFollower(forget.FollowerOptions{
		Keys: n.forgotten, Registry: n.registry, Online: n.online, FeatureLog: n.features, Rebuild: n.streams.Rebuild, Server: n.cfg.Name, Logger: n.log,
	})
	err := n.follower.Start(ctx)
	if err == nil {
		return nil
	}
	if restored, readErr := n.online.Restored(); readErr != nil || restored {
		return schema.PostgresUnavailable.Wrap(errors.Join(err, readErr), "the rows in %s were restored from a snapshot, and may have keys that were forgotten since; start the server again once Postgres answers", n.cfg.Data)
	}
	n.log.Warn("forgotten keys can't be looked up yet; nothing is written while Postgres is away", "error", err)
	return nil
}
