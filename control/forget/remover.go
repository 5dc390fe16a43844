package forget

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"larder/schema"
	"larder/store/forgotten"
	"larder/store/offline"
	"larder/store/registry"
)

// RemoverOptions configure a Remover. Every field is required.
type RemoverOptions struct {
	Registry *registry.Registry
	Offline  *offline.Store // nil on a server without Postgres, which forgets nothing
	Logger   *slog.Logger
}

// A Remover forgets keys on all servers and in all tables. It is safe for concurrent use.
type Remover struct{ RemoverOptions }

// NewRemover returns a remover.
func NewRemover(opts RemoverOptions) *Remover { return &Remover{opts} }

// A Request names keys of one entity.
type Request struct {
	Entity string
	Keys   [][]any // of each key, the values of the entity's join keys, in their order
	By     string  // who asks, for the record
}

// maxKeys is how many keys one request may have.
const maxKeys = 10_000

// A Report says what was removed.
type Report struct {
	registry.Forgetting
	Resumed    bool     // it goes on with an earlier request
	Hashes     []string // of the keys
	Places     []registry.ForgottenPlace
	Away       []registry.ForgettingServer // servers that did not answer; they remove the keys when they start
	Statements []Statement                 // for the team's own tables
	Remains    []string                    // where copies may be that Larder can't remove
}

// remains is what no forgetting reaches.
var remains = []string{
	"Postgres's write-ahead log keeps deleted rows until it is recycled or its archive expires",
	"backups and replicas of Postgres, and backups of data folders, keep what they had: forget again after you restore one",
	"freed blocks of disks keep their bytes until they are written again; encrypt the disks",
	"brokers of streams, MLflow, training sets and feature log files that were copied elsewhere, and logs of servers are not searched",
}

// Forget forgets keys, and returns when all servers that live have removed them and no
// table has them. A request that was cut short goes on when the same keys are requested
// again. told is called with what is being waited for.
func (r *Remover) Forget(ctx context.Context, req Request, told func(step string)) (*Report, error) {
	catalog := r.Registry.Catalog()
	keys, err := joinKeys(catalog, req)
	if err != nil {
		return nil, err
	}
	list, err := r.Registry.ForgottenList(ctx) // for its salt
	if err != nil {
		return nil, err
	}
	hashes := make([]forgotten.Hash, len(req.Keys))
	for i, values := range req.Keys {
		parts := make([]forgotten.Part, len(keys))
		for j, k := range keys {
			parts[j] = forgotten.Part{Name: k.Name, Value: values[j]}
		}
		if hashes[i], err = forgotten.HashOf(list.Salt(), parts); err != nil {
			return nil, err
		}
	}
	names := namesOf(keys)
	slices.Sort(names)
	f, resumed, err := r.Registry.BeginForgetting(ctx, req.Entity, names, hashes, req.By)
	if err != nil {
		return nil, err
	}
	r.Logger.Info("forgetting keys", "forgetting", f.ID, "entity", f.Entity, "keys", f.Keys, "by", f.RequestedBy, "resumed", resumed)
	report := &Report{Resumed: resumed, Remains: remains}
	for _, h := range hashes {
		report.Hashes = append(report.Hashes, h.String())
	}
	if report.Away, err = r.await(ctx, f.LastSeq, told); err != nil {
		return nil, err
	}
	w := work{Remover: r, id: f.ID, catalog: catalog, keys: keys, values: req.Keys, told: told}
	if report.Statements, err = w.tables(ctx); err != nil {
		return nil, err
	}
	if report.Forgetting, err = r.Registry.EndForgetting(ctx, f.ID); err != nil {
		return nil, err
	}
	if report.Places, err = r.Registry.ForgottenPlaces(ctx, f.ID); err != nil {
		return nil, err
	}
	r.Logger.Info("keys are forgotten", "forgetting", f.ID, "entity", f.Entity, "keys", f.Keys)
	return report, nil
}

// joinKeys returns the join keys of the entity of a request.
func joinKeys(c *schema.Catalog, req Request) ([]schema.JoinKey, error) {
	entities := c.Definitions.Entities
	at := slices.IndexFunc(entities, func(e schema.Entity) bool { return e.Name == req.Entity })
	if at < 0 {
		var known []string
		for _, e := range entities {
			known = append(known, e.Name)
		}
		return nil, schema.UnknownEntity.Errorf("no entity %q; %s", req.Entity, schema.Nearest(req.Entity, known))
	}
	keys := entities[at].JoinKeys
	switch n := len(req.Keys); {
	case n == 0:
		return nil, schema.MissingJoinKey.Errorf("no key is named; write %s=VALUE", keys[0].Name)
	case n > maxKeys:
		return nil, schema.BatchTooLarge.Errorf("%d keys are too many for one request (limit %d); split them", n, maxKeys)
	}
	for i, values := range req.Keys {
		if len(values) != len(keys) {
			return nil, schema.MissingJoinKey.Errorf("key %d has %d values; entity %q has the join keys %s", i+1, len(values), req.Entity, strings.Join(namesOf(keys), ", "))
		}
		if j := slices.Index(values, nil); j >= 0 {
			return nil, schema.NullJoinKey.Errorf("key %d: join key %q is null", i+1, keys[j].Name)
		}
	}
	return keys, nil
}

// awaitEvery is how often the servers are looked at.
const awaitEvery = 100 * time.Millisecond

// await waits until all servers that live have removed the keys up to a number, and returns
// the others.
func (r *Remover) await(ctx context.Context, seq int64, told func(string)) (away []registry.ForgettingServer, err error) {
	tick := time.NewTicker(awaitEvery)
	defer tick.Stop()
	for {
		servers, err := r.Registry.ForgettingServers(ctx)
		if err != nil {
			return nil, err
		}
		away = nil
		var waits []string
		for _, s := range servers {
			switch {
			case s.Done >= seq:
			case s.SeenAgo > liveFor:
				away = append(away, s)
			case s.Problem != "":
				waits = append(waits, s.Server+" ("+s.Problem+")")
			default:
				waits = append(waits, s.Server)
			}
		}
		if len(waits) == 0 {
			return away, nil
		}
		told("removing on " + strings.Join(waits, ", "))
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// work is what one forgetting does to tables.
type work struct {
	*Remover
	id      string
	catalog *schema.Catalog
	keys    []schema.JoinKey
	values  [][]any
	told    func(string)
}

// tables deletes the keys from all tables, and returns the statements for those of the
// team's own that Larder leaves alone.
func (w *work) tables(ctx context.Context) ([]Statement, error) {
	w.told("deleting from tables")
	list, err := w.Registry.ForgottenList(ctx)
	if err != nil {
		return nil, err
	}
	var own []forgotten.Record
	for _, r := range list.Records {
		if r.Forgetting == w.id {
			own = append(own, r)
		}
	}
	mine := forgotten.NewList(list.Salt(), own)
	if err := w.Registry.ForgetLogged(ctx, w.id, w.keys, mine); err != nil {
		return nil, err
	}
	quotes := make([]quoted, len(w.values))
	for i, key := range w.values {
		quotes[i] = quotedOf(key)
	}
	quoting := anyOf(quotes)
	if err := w.Registry.ForgetRuns(ctx, w.id, quoting); err != nil {
		return nil, err
	}
	rewrite := map[string][]string{"table larder.feature_log": {"larder.feature_log"}, "table larder.runs": {"larder.runs"}} // by what was deleted
	for i := range w.catalog.Definitions.Streams {
		s := &w.catalog.Definitions.Streams[i]
		if err := w.stream(ctx, s, mine, quoting); err != nil {
			return nil, err
		}
		rewrite[logOf(s)] = []string{s.Log.Table, "larder.stream_pushes"}
		rewrite["idempotency keys of stream "+s.Name] = []string{"larder.stream_pushes"}
		rewrite[deadOf(s)] = []string{"larder.dead_letters"}
	}
	if err := w.rebuild(ctx); err != nil {
		return nil, err
	}
	var statements []Statement
	for _, s := range sourcesOf(w.catalog, w.keys) {
		if !s.Forget {
			statements = append(statements, statement(s, w.keys, w.values))
			continue
		}
		if err := w.source(ctx, s); err != nil {
			return nil, err
		}
	}
	return statements, w.rewrite(ctx, rewrite)
}

func logOf(s *schema.Stream) string { return "log of stream " + s.Name }

func deadOf(s *schema.Stream) string { return "dead letters of stream " + s.Name }

// stream deletes the keys from the log of a stream and its dead letters, if events have
// them.
func (w *work) stream(ctx context.Context, s *schema.Stream, mine *forgotten.List, quotes func(text string) bool) error {
	m := deadMatcher{stream: s, quotes: quotes}
	for _, k := range w.keys {
		at := s.Field(k.Name)
		if at < 0 {
			return nil
		}
		m.fields = append(m.fields, &s.Fields[at])
	}
	matcher := mine.Columns(namesOf(w.keys))
	m.hashed = func(values []any) bool {
		_, found := matcher.Find(func(column int) any { return values[column] })
		return found
	}
	if err := w.log(ctx, s); err != nil {
		return err
	}
	if err := w.Registry.ForgetDead(ctx, w.id, s.Name, m.has); err != nil {
		return err
	}
	if err := w.Registry.ForgetPushes(ctx, w.id, s.Name, quotes); err != nil {
		return err
	}
	if m.unread > 0 {
		p := registry.ForgottenPlace{Place: "postgres", What: deadOf(s) + ", not readable", Note: fmt.Sprintf("%d letters are not JSON and were searched for texts only; drop them if they may have the key", m.unread)}
		return w.Registry.RecordForgotten(ctx, w.id, p)
	}
	return nil
}

// rebuild has all servers make the views again that have the deleted events under other
// keys, such as the number of visitors of a shop.
func (w *work) rebuild(ctx context.Context) error {
	places, err := w.Registry.ForgottenPlaces(ctx, w.id)
	if err != nil {
		return err
	}
	var views []string
	for i := range w.catalog.Definitions.Streams {
		s := &w.catalog.Definitions.Streams[i]
		if !slices.ContainsFunc(places, func(p registry.ForgottenPlace) bool { return p.What == logOf(s) && p.Removed > 0 }) {
			continue
		}
		for _, v := range w.catalog.StreamViews(s.Name) {
			if !hasAll(v.Keys, w.keys) {
				views = append(views, v.Name)
			}
		}
	}
	if len(views) == 0 {
		return nil
	}
	seq, err := w.Registry.RebuildForgotten(ctx, w.id, views)
	if err != nil {
		return err
	}
	_, err = w.await(ctx, seq, func(step string) { w.told("making " + strings.Join(views, ", ") + " again: " + step) })
	return err
}

// hasAll reports whether keys have all join keys of others, by name.
func hasAll(keys, others []schema.JoinKey) bool {
	return !slices.ContainsFunc(others, func(k schema.JoinKey) bool {
		return !slices.ContainsFunc(keys, func(have schema.JoinKey) bool { return have.Name == k.Name })
	})
}

// texts returns the keys as Postgres reads them. It has no text with a zero character, so no
// row has such a key, and these are left out.
func (w *work) texts() (keys [][]string) {
	for _, values := range w.values {
		var key []string
		for _, v := range values {
			key = append(key, textOf(v))
		}
		if !slices.ContainsFunc(key, func(text string) bool { return strings.ContainsRune(text, 0) }) {
			keys = append(keys, key)
		}
	}
	return keys
}

// log deletes the keys from the log of a stream.
func (w *work) log(ctx context.Context, s *schema.Stream) error {
	t := registry.ForgetTable{What: logOf(s), Table: s.Log.Table, Stream: s.Name, Columns: namesOf(w.keys), Values: make([][]string, len(w.keys))}
	for _, key := range w.texts() {
		for i, text := range key {
			t.Values[i] = append(t.Values[i], text)
		}
	}
	return w.Registry.ForgetRows(ctx, w.id, t)
}

// source deletes the keys from the table of a source.
func (w *work) source(ctx context.Context, s *schema.Source) error {
	return w.Offline.Forget(ctx, s, namesOf(w.keys), w.texts(), func(rows int64) error {
		return w.Registry.RecordForgotten(ctx, w.id, registry.ForgottenPlace{Place: "postgres", What: "source " + s.Name, Removed: rows})
	})
}

// rewrite makes Postgres rid of the bytes of what was deleted from tables.
func (w *work) rewrite(ctx context.Context, tables map[string][]string) error {
	places, err := w.Registry.ForgottenPlaces(ctx, w.id)
	if err != nil {
		return err
	}
	var names, left []string
	for _, p := range places {
		if p.Place == "postgres" && p.Removed > 0 {
			names = append(names, tables[p.What]...)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		w.told("rewriting " + name)
		note, err := w.Registry.Rewrite(ctx, name)
		if err != nil {
			return err
		}
		if note != "" {
			left = append(left, note)
		}
	}
	note, err := w.Registry.RewriteStatistics(ctx)
	if err != nil {
		return err
	}
	if note != "" {
		left = append(left, note)
	}
	if len(left) == 0 {
		return nil
	}
	return w.Registry.RecordForgotten(ctx, w.id, registry.ForgottenPlace{Place: "postgres", What: "free space of tables", Note: strings.Join(left, "; ")})
}
