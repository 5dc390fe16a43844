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

// The limits on responses of MLflow, in bytes and in time.
const (
	maxAnswerBytes = 4 << 20
	maxMLmodel     = 1 << 20
	maxFileBytes   = 256 << 20
	answerTimeout  = 30 * time.Second
	fileTimeout    = 5 * time.Minute
)

// Credentials identify a client to MLflow: a token, or a user's name and password. A
// token takes precedence.
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
		return nil, schema.BadTrackingURI.Errorf("write the address of MLflow as https://HOST:PORT")
	}
	if base.User != nil {
		return nil, schema.BadTrackingURI.Errorf("take the credentials out of the address of MLflow; set the variables MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN")
	}
	return &Client{base: base, credentials: credentials, http: &http.Client{CheckRedirect: sameHost}}, nil
}

// sameHost refuses redirects to another host, so that credentials reach only one
// server.
func sameHost(req *http.Request, via []*http.Request) error {
	if len(via) > 5 || req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
		return fmt.Errorf("it redirects to %s, and Larder does not follow redirects", req.URL.Host)
	}
	return nil
}

// call sends a request to the REST API and reads the response into out.
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
		return schema.MLflowAnswer.Errorf("check that MLflow is the server at that address: its response to %s does not match the MLflow API: %v", what, err)
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
		return nil, schema.MLflowTooLarge.Errorf("MLflow's %s has over %d bytes, which is the limit", shortPath(at), limit)
	}
	return raw, nil
}

func shortPath(at *url.URL) string { return at.Path[strings.LastIndexByte(at.Path, '/')+1:] }

func unreachable(err error) error {
	var at *url.Error
	if errors.As(err, &at) { // its text has the whole address
		err = at.Err
	}
	return schema.MLflowUnreachable.Wrap(err, "MLflow can't be reached: %v", err)
}

// refusal returns the error that MLflow reports, if its text is short.
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
		kind, said.Message = schema.FailedPrecondition, said.Message+"; set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, in the environment of the server"
	case code == http.StatusNotFound:
		kind = schema.NotFound
	case code >= http.StatusInternalServerError:
		kind = schema.Unavailable
	}
	return schema.MLflowRefuses.ErrorfAs(kind, "MLflow says %d: %.300s", code, said.Message)
}
