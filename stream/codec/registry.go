package codec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"larder/internal/egress"
	"larder/schema"
)

// The limits of a registry's answers and of what is kept of them.
const (
	maxAnswerBytes = 4 << 20 // of one answer
	maxSchemas     = 1024    // kept; the oldest goes first
	maxReferences  = 64      // schemas that a schema needs, in all
	unknownFor     = 5 * time.Second
	firstBackoff   = 100 * time.Millisecond
	maxBackoff     = 10 * time.Second
)

// A registry reads schemas of a schema registry with Confluent's API, once each, and
// keeps a reader of each. What the registry doesn't know is asked again after
// unknownFor, and a registry that is away after a growing pause.
type registry struct {
	client  *sr.Client
	url     string
	user    string
	build   func(s sr.Schema, needs []need) (messageReader, error)
	logger  *slog.Logger
	readers map[int]known
	order   []int // the keys of readers, oldest first
	unknown map[int]failure
	away    failure
	backoff time.Duration
	now     func() time.Time
}

// A messageReader reads the messages of one schema.
type messageReader interface {
	read(message []byte, r *row) error
}

// A known is the reader of a schema; of a schema that can't be read, why.
type known struct {
	reader messageReader
	err    error // a *BadMessage
}

// A failure is an error that stands until a time.
type failure struct {
	err   error
	until time.Time
}

// A need is a schema that another one refers to by a name.
type need struct{ name, text string }

func newRegistry(f *schema.StreamFormat, opts Options, build func(sr.Schema, []need) (messageReader, error)) (*registry, error) {
	if f.Schema != "" || f.File != "" {
		return nil, errors.New("format has a registry and a file; the schemas are the registry's, so leave out file")
	}
	r := &registry{
		url: f.Registry, user: f.User, build: build, logger: opts.Logger, readers: map[int]known{}, unknown: map[int]failure{}, now: time.Now,
	}
	options := []sr.ClientOpt{sr.URLs(f.Registry), sr.HTTPClient(boundedClient(opts.HTTP)), sr.UserAgent("larder")}
	if f.User != "" || f.PasswordEnv != "" {
		password, set := "", false
		if opts.Secrets != nil {
			password, set = opts.Secrets(f.PasswordEnv)
		}
		if !set && f.PasswordEnv != "" {
			return nil, fmt.Errorf("the registry's password_env: the server has no variable %s; set it", f.PasswordEnv)
		}
		options = append(options, sr.BasicAuth(f.User, password))
	}
	var err error
	r.client, err = sr.NewClient(options...)
	return r, err
}

// boundedClient returns a client whose answers end with an error after maxAnswerBytes.
func boundedClient(c *http.Client) *http.Client {
	const timeout = 5 * time.Second
	if c == nil {
		var all *egress.Hosts
		c = all.HTTP(timeout)
	}
	bounded := *c
	bounded.Transport = boundedTransport{cmp.Or[http.RoundTripper](bounded.Transport, http.DefaultTransport)}
	return &bounded
}

type boundedTransport struct{ next http.RoundTripper }

func (t boundedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswerBytes)
	}
	return resp, err
}

// reader returns the reader of a schema. A *BadMessage says that messages of the schema
// can't be read; any other error passes.
func (r *registry) reader(ctx context.Context, id int) (messageReader, error) {
	if k, is := r.readers[id]; is {
		return k.reader, k.err
	}
	now := r.now()
	if f := r.unknown[id]; now.Before(f.until) {
		return nil, f.err
	}
	if now.Before(r.away.until) {
		return nil, r.away.err
	}
	s, needs, err := r.fetch(ctx, id)
	if err != nil {
		return nil, r.failed(ctx, id, err)
	}
	r.away, r.backoff = failure{}, 0
	reader, err := r.build(s, needs)
	if err != nil {
		r.logger.Warn("schema can't be read", "registry", r.url, "schema", id, "error", err)
		err = bad(Undecodable, "schema %d of the registry: %v", id, err)
	} else {
		r.logger.Info("read schema", "registry", r.url, "schema", id)
	}
	r.keep(id, known{reader, err})
	return reader, err
}

func (r *registry) keep(id int, k known) {
	if len(r.order) == maxSchemas {
		delete(r.readers, r.order[0])
		r.order = r.order[1:]
	}
	r.readers[id] = k
	r.order = append(r.order, id)
	delete(r.unknown, id)
}

// failed remembers an error of a fetch, and returns it in words that say what to do.
func (r *registry) failed(ctx context.Context, id int, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	const schemaNotFound = 40403
	var response *sr.ResponseError
	if errors.As(err, &response) && response.ErrorCode == schemaNotFound {
		err = fmt.Errorf("schema registry %s has no schema %d; register it there, and the stream goes on", r.url, id)
		if len(r.unknown) >= maxSchemas {
			clear(r.unknown)
		}
		r.unknown[id] = failure{err, r.now().Add(unknownFor)}
		return err
	}
	r.backoff = min(max(2*r.backoff, firstBackoff), maxBackoff)
	r.away = failure{r.explain(id, response, err), r.now().Add(r.backoff)}
	return r.away.err
}

func (r *registry) explain(id int, response *sr.ResponseError, err error) error {
	if response == nil {
		return fmt.Errorf("read schema %d of schema registry %s: %w", id, r.url, err)
	}
	switch code := response.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fmt.Errorf("schema registry %s refuses user %q (HTTP %d); check user and password_env", r.url, r.user, code)
	case code == http.StatusNotFound && response.ErrorCode < 1000: // not one of the registry's own
		return fmt.Errorf("%s answers HTTP 404; is it a schema registry with Confluent's API? check the path of registry", r.url)
	default:
		return fmt.Errorf("schema registry %s answers HTTP %d to schema %d: %s", r.url, code, id, clip([]byte(err.Error())))
	}
}

// fetch reads a schema and all schemas that it needs, each after those that it needs
// itself.
func (r *registry) fetch(ctx context.Context, id int) (sr.Schema, []need, error) {
	s, err := r.client.SchemaByID(ctx, id)
	if err != nil {
		return s, nil, err
	}
	var needs []need
	seen := map[sr.SchemaReference]bool{}
	var walk func(s sr.Schema, depth int) error
	walk = func(s sr.Schema, depth int) error {
		for _, ref := range s.References {
			if seen[ref] {
				continue
			}
			seen[ref] = true
			if len(seen) > maxReferences || depth > maxReferences {
				return fmt.Errorf("schema %d refers to more than %d schemas", id, maxReferences)
			}
			inner, err := r.client.SchemaByVersion(ctx, ref.Subject, ref.Version)
			if err != nil {
				return fmt.Errorf("version %d of %q, to which it refers: %w", ref.Version, ref.Subject, err)
			}
			if err := walk(inner.Schema, depth+1); err != nil {
				return err
			}
			needs = append(needs, need{name: ref.Name, text: inner.Schema.Schema})
		}
		return nil
	}
	return s, needs, walk(s, 1)
}
