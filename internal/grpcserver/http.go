package grpcserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strconv"
	"time"

	"larder/schema"
)

// Limits of an HTTP connection. The limits of a request are in [Options].
const (
	headerTimeout  = 5 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10
	// maxScrapes bounds concurrent requests for metrics, which MaxInFlight does not
	// limit.
	maxScrapes = 4
)

// ServeHTTP answers HTTP requests on listeners until ctx ends and the running requests have
// finished. It closes them. Besides handler it serves GET /metrics, /healthz (the process
// is alive) and /readyz (it accepts requests).
func (s *Server) ServeHTTP(ctx context.Context, handler *Mux, listeners ...net.Listener) error {
	for _, pattern := range handler.Unruled() {
		s.opts.Logger.Error("a path is not in the table of rights and is refused", "pattern", pattern)
	}
	server := &http.Server{
		Handler:           s.Handler(handler),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: s.opts.DefaultTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelDebug), ConnContext: withConn,
	}
	if s.certs != nil {
		server.TLSConfig = s.certs.config("h2", "http/1.1")
	}
	served := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() {
			serve := server.Serve
			if s.certs != nil {
				serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
			}
			served <- fmt.Errorf("serve HTTP on %s: %w", l.Addr(), serve(s.conns.listen(l)))
		}()
	}
	select {
	case err := <-served:
		return errors.Join(err, server.Close())
	case <-ctx.Done():
	}
	s.ready.Store(false)
	time.Sleep(s.opts.DrainDelay)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.DrainTimeout)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		s.opts.Logger.Warn("HTTP requests did not finish in time and were cut off", "after", s.opts.DrainTimeout)
		return server.Close()
	}
	return nil
}

// Handler returns the handler that ServeHTTP serves.
func (s *Server) Handler(handler *Mux) http.Handler {
	mux := s.pages(handler)
	handler.pages = mux
	admitted := func(w http.ResponseWriter, r *http.Request) { s.admitHTTP(w, r, handler) }
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.authenticated(w, r, admitted) })
	checked := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.browser.refuses(r); err != nil {
			s.refuse(failureOf(err)).write(w, formOf(r))
			return
		}
		mux.ServeHTTP(w, r)
	}))
	if s.opts.Tracing {
		return traceHTTP(checked)
	}
	return checked
}

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if err := s.readiness(); err != nil {
		http.Error(w, notReady(err), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

var errNotServing = errors.New("the server is starting or stopping")

// readiness returns why requests can't be answered, or nil.
func (s *Server) readiness() error {
	if err := s.opts.Ready(); err != nil {
		return err
	}
	if !s.ready.Load() {
		return errNotServing
	}
	return nil
}

// notReady returns what anyone may know about why a server is not ready.
func notReady(err error) string {
	var said *schema.Error
	if errors.As(err, &said) && said.Reason == schema.NotReady {
		return said.Message
	}
	return "not ready"
}

// admitHTTP is the shell of one HTTP request from an authenticated caller.
func (s *Server) admitHTTP(w http.ResponseWriter, r *http.Request, handler *Mux) {
	rec := &recorder{ResponseWriter: w, shell: s, method: s.httpMethod(r), conn: connOf(r.Context()), status: http.StatusOK, maxBytes: s.opts.MaxMessageBytes, form: formOf(r), accept: r.Header["Accept-Encoding"]}
	rec.conn.begin()
	defer rec.end()
	if f := rec.admit(r); f != nil {
		s.shed(r.Context(), f, time.Time{}).write(w, rec.form)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.opts.DefaultTimeout)
	defer cancel()
	r = r.WithContext(&permitContext{ctx, &rec.permit, rec})
	r.Body = &requestBody{http.MaxBytesReader(rec, r.Body, int64(s.opts.MaxMessageBytes)), rec, r.ContentLength}
	began := time.Now()
	defer func() {
		p := recover()
		if p != nil && p != http.ErrAbortHandler {
			rec.fail(s.panicked(r.URL.Path, p))
		}
		s.endedHTTP(r, rec, time.Since(began))
		if p == http.ErrAbortHandler {
			panic(p)
		}
	}()
	handler.ServeHTTP(rec, r)
}

func (s *Server) endedHTTP(r *http.Request, rec *recorder, took time.Duration) {
	name := r.Pattern // not the path: callers choose it, so the metrics would grow without limit
	if name == "" {
		name = "/"
	}
	noteRoute(r.Context(), name)
	s.metrics.seconds.WithLabelValues(name).Observe(took.Seconds())
	s.metrics.requests.WithLabelValues(name, strconv.Itoa(rec.status)).Inc()
	s.recordEnd(r.Context(), rec.failure)
	if rec.permit.granted && rec.status == http.StatusOK && (rec.permit.right == Read || rec.permit.right == Score) {
		s.countRead(r.Context(), rec.permit.on)
	}
	s.log(r.Context(), name, took, rec.failure)
}

// A recorder remembers how a request was answered.
type recorder struct {
	http.ResponseWriter
	shell    *Server
	conn     *conn // nil where nobody follows it
	method   *method
	entered  bool // it is in flight
	in       stay
	held     int64 // bytes that it takes of the budget
	maxBytes int   // the largest response
	form     errorForm
	accept   []string // the values of its Accept-Encoding headers
	status   int
	wrote    bool
	failure  *failure
	permit   permit
}

func (r *recorder) WriteHeader(status int) {
	r.status, r.wrote = status, true
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.wrote = true
	if len(p) > largeAnswer {
		defer r.sending(len(p))()
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap lets [http.ResponseController] reach the wrapped writer.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) fail(err error) {
	r.failure = failureOf(err)
	if !r.wrote {
		r.failure.write(r, r.form)
	}
}

// WriteStateError answers as [WriteError] does, with a JSON object that has the members
// of state and the text of the error.
func WriteStateError(w http.ResponseWriter, err error, state map[string]any) {
	r, ok := w.(*recorder)
	if !ok {
		WriteError(w, err)
		return
	}
	r.failure = failureOf(err)
	body := map[string]any{"error": r.failure.message}
	maps.Copy(body, state)
	send(r, r.failure.http, body)
}

// WriteError answers an HTTP request with an error, by the table in the package's
// documentation. w must be the one that ServeHTTP gave the handler. Details that
// callers must not see go to the server's log.
func WriteError(w http.ResponseWriter, err error) {
	if r, ok := w.(*recorder); ok {
		r.fail(err)
		return
	}
	failureOf(err).write(w, ownErrors)
}

// Answering returns the handler of requests whose answer is JSON, or an error.
func Answering(answer func(*http.Request) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := answer(r)
		if err != nil {
			WriteError(w, err)
			return
		}
		WriteJSON(w, body)
	}
}

// WriteJSON answers an HTTP request as [WriteBody] does.
func WriteJSON(w http.ResponseWriter, body []byte) {
	WriteBody(w, http.Header{"Content-Type": {"application/json"}}, body)
}

// WriteBody answers an HTTP request with a header and a body, packed if its caller accepts that and it is worth it.
// If the response is larger than the message limit, it answers with an error. w must be
// the one that ServeHTTP gave the handler.
func WriteBody(w http.ResponseWriter, header http.Header, body []byte) {
	r, ok := w.(*recorder)
	switch {
	case ok && r.permit.missing():
		r.fail(errNoPermit)
		return
	case ok && len(body) > r.maxBytes:
		r.fail(schema.MessageTooLarge.Errorf("the response has %d bytes (limit %d); ask for fewer rows or features at once, or raise --max-message-bytes", len(body), r.maxBytes))
		return
	}
	if ok {
		if packing := packingFor(r.accept, len(body)); packing != "" {
			body = pack(body, packing)
			w.Header().Set("Content-Encoding", packing)
			w.Header().Set("Vary", "Accept-Encoding")
		}
	}
	maps.Copy(w.Header(), header)
	_, _ = w.Write(body) // the caller may be gone
}
