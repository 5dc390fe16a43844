package mlflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"larder/schema"
)

// The limits on answers of MLflow, in bytes and in time.
const (
	maxAnswerBytes = 4 << 20
	maxMLmodel     = 1 << 20
	maxFileBytes   = 256 << 20
	answerTimeout  = 30 * time.Second
	fileTimeout    = 5 * time.Minute
)

// Credentials are how a client says who it is. MLflow takes a token or a user's
// name and password; a token goes first.
type Credentials struct {
	Username, Password string
	Token              string
}

// A Client reads from one tracking server. It is safe for concurrent use.
type Client struct {
	base        *url.URL
	credentials Credentials
	http        *http.Client
}

// New returns a client of the tracking server at uri, as in
// http://mlflow.example.com:5000. It doesn't connect.
func New(uri string, credentials Credentials) (*Client, error) {
	base, err := url.Parse(uri)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, schema.Errorf(schema.Invalid, "BAD_TRACKING_URI", "the address of MLflow is as in https://HOST:PORT; got %q", uri)
	}
	if base.User != nil {
		return nil, schema.Errorf(schema.Invalid, "BAD_TRACKING_URI", "credentials for MLflow come from the variables MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN; take them out of its address")
	}
	return &Client{base: base, credentials: credentials, http: &http.Client{CheckRedirect: sameHost}}, nil
}

// sameHost refuses to be sent elsewhere with what was meant for one server.
func sameHost(req *http.Request, via []*http.Request) error {
	if len(via) > 5 || req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
		return fmt.Errorf("it redirects to %s, which is not followed", req.URL.Host)
	}
	return nil
}

// call asks the REST API and reads its answer into out.
func (c *Client) call(ctx context.Context, what string, query url.Values, out any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	at := c.base.JoinPath("api/2.0/mlflow", what)
	at.RawQuery = query.Encode()
	raw, err := c.get(ctx, at, maxAnswerBytes)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return schema.Errorf(schema.Unavailable, "MLFLOW_ANSWER", "MLflow's answer to %s is not what its API says: %v; is there another server at that address?", what, err)
	}
	return nil
}

// get reads at most limit bytes.
func (c *Client) get(ctx context.Context, at *url.URL, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	switch {
	case c.credentials.Token != "":
		req.Header.Set("Authorization", "Bearer "+c.credentials.Token)
	case c.credentials.Username != "":
		req.SetBasicAuth(c.credentials.Username, c.credentials.Password)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unreachable(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, unreachable(err)
	case resp.StatusCode != http.StatusOK:
		return nil, refusal(resp.StatusCode, raw)
	case int64(len(raw)) > limit:
		return nil, schema.Errorf(schema.Invalid, "MLFLOW_TOO_LARGE", "MLflow's %s has over %d bytes, the most that is read", shortPath(at), limit)
	}
	return raw, nil
}

func shortPath(at *url.URL) string { return at.Path[strings.LastIndexByte(at.Path, '/')+1:] }

func unreachable(err error) error {
	var at *url.Error
	if errors.As(err, &at) { // whose text has the whole address
		err = at.Err
	}
	return &schema.Error{Kind: schema.Unavailable, Reason: "MLFLOW_UNREACHABLE", Message: fmt.Sprintf("MLflow can't be reached: %v", err), Err: err}
}

// refusal says what MLflow says, as far as it is short text.
func refusal(code int, raw []byte) error {
	var said struct {
		Code    string `json:"error_code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &said) != nil || said.Message == "" {
		said.Message = http.StatusText(code)
	}
	kind := schema.Invalid
	switch {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		kind, said.Message = schema.FailedPrecondition, said.Message+"; set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, where the server is started"
	case code == http.StatusNotFound:
		kind = schema.NotFound
	case code >= http.StatusInternalServerError:
		kind = schema.Unavailable
	}
	return schema.Errorf(kind, "MLFLOW_REFUSES", "MLflow says %d: %.300s", code, said.Message)
}
