package checks

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larder/monitor/featurelog"
	"larder/store/eventlog"
	"larder/store/offline"
	"larder/store/online"
	"larder/store/registry"
)

// Options configure a Checker. Every field is required unless its comment says otherwise.
type Options struct {
	Registry   *registry.Registry
	Offline    *offline.Store  // for labels; nil on a server without Postgres
	Bulk       *offline.Store  // for rows of the history; nil on a server without Postgres
	Logs       *eventlog.Store // the logs of streams; nil without Postgres
	Online     *online.Store
	FeatureLog *featurelog.Log // nil when nothing is logged

	VerifyEvery  time.Duration // how often views are verified; 0: only when asked
	VerifySample int           // how many keys of each view are verified then

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// A Checker checks what is served. It is safe for concurrent use.
type Checker struct {
	Options
	metrics *metrics
	figures *figures
}

// New returns a Checker.
func New(opts Options) *Checker {
	return &Checker{Options: opts, metrics: newMetrics(opts.Registerer), figures: newFigures(opts.Registerer)}
}
