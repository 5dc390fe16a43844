package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	feastcore "larder/api/feast/core"
)

// The bounds on Feast's REST server.
const (
	pageSize     = 100 // the most that it gives
	maxPages     = 1_000
	maxPageBytes = 64 << 20
	pageTimeout  = 30 * time.Second
)

// tokenVariable is where Feast's own clients look for the token of a caller.
const tokenVariable = "FEAST_OIDC_TOKEN"

// A restList is a list that the server gives: at a path, under a key of its JSON.
type restList struct {
	path, key string
	optional  bool // servers of earlier releases don't have it
	add       func(r *feastcore.Registry, kind string, raw []byte) error
}

var restLists = []restList{
	{"entities", "entities", false, fromJSON(func(r *feastcore.Registry) *[]*feastcore.Entity { return &r.Entities })},
	{"data_sources", "dataSources", false, fromJSON(func(r *feastcore.Registry) *[]*feastcore.DataSource { return &r.DataSources })},
	{"feature_views", "featureViews", false, anyView},
	{"feature_services", "featureServices", false, fromJSON(func(r *feastcore.Registry) *[]*feastcore.FeatureService { return &r.FeatureServices })},
	{"saved_datasets", "savedDatasets", true, fromJSON(func(r *feastcore.Registry) *[]*feastcore.SavedDataset { return &r.SavedDatasets })},
	{"permissions", "permissions", true, fromJSON(func(r *feastcore.Registry) *[]*feastcore.Permission { return &r.Permissions })},
	{"label_views", "featureViews", true, fromJSON(func(r *feastcore.Registry) *[]*feastcore.LabelView { return &r.LabelViews })},
	{"projects", "projects", true, fromJSON(func(r *feastcore.Registry) *[]*feastcore.Project { return &r.Projects })},
}

// fromJSON returns a function that adds a message to one of a registry's lists.
func fromJSON[M any, P interface {
	*M
	proto.Message
}](list func(*feastcore.Registry) *[]P) func(*feastcore.Registry, string, []byte) error {
	return func(r *feastcore.Registry, _ string, raw []byte) error {
		m := P(new(M))
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, m); err != nil {
			return err
		}
		all := list(r)
		*all = append(*all, m)
		return nil
	}
}

var (
	addView     = fromJSON(func(r *feastcore.Registry) *[]*feastcore.FeatureView { return &r.FeatureViews })
	addStream   = fromJSON(func(r *feastcore.Registry) *[]*feastcore.StreamFeatureView { return &r.StreamFeatureViews })
	addOnDemand = fromJSON(func(r *feastcore.Registry) *[]*feastcore.OnDemandFeatureView { return &r.OnDemandFeatureViews })
	addLabel    = fromJSON(func(r *feastcore.Registry) *[]*feastcore.LabelView { return &r.LabelViews })
)

// anyView adds a view of any kind, as its type says.
func anyView(r *feastcore.Registry, kind string, raw []byte) error {
	switch kind {
	case "onDemandFeatureView":
		return addOnDemand(r, kind, raw)
	case "streamFeatureView":
		return addStream(r, kind, raw)
	case "labelView":
		return addLabel(r, kind, raw)
	}
	return addView(r, kind, raw)
}

// ReadREST reads what Feast's REST server of a registry has of a project.
func ReadREST(ctx context.Context, address, project string) (*feastcore.Registry, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("%q is not the address of a REST server; write http://HOST:6572", address)
	}
	if base.Path = strings.TrimRight(base.Path, "/"); base.Path == "" {
		base.Path = "/api/v1"
	}
	base.RawQuery, base.Fragment = "", ""
	s := &rest{base: base, project: project, client: &http.Client{CheckRedirect: sameHost}}
	r := &feastcore.Registry{}
	for _, list := range restLists {
		if err := s.read(ctx, r, list); err != nil {
			return nil, fmt.Errorf("read the registry from %s: %w", base.Redacted(), err)
		}
	}
	return r, nil
}

// sameHost keeps the token from other hosts.
func sameHost(req *http.Request, via []*http.Request) error {
	if len(via) > 3 || req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
		return errors.New("it sends the caller elsewhere; give the address that answers")
	}
	return nil
}

type rest struct {
	base    *url.URL
	project string
	client  *http.Client
	bytes   int
}

// errNoPath says that a server doesn't have a path.
var errNoPath = errors.New("the server has no such path; is it Feast's REST server (feast serve_registry --rest-api)?")

// read reads all pages of a list.
func (s *rest) read(ctx context.Context, r *feastcore.Registry, list restList) error {
	for page := 1; ; page++ {
		if page > maxPages {
			return fmt.Errorf("%s has more than %d pages", list.path, maxPages)
		}
		more, err := s.page(ctx, r, list, page)
		if errors.Is(err, errNoPath) && list.optional && page == 1 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", list.path, err)
		}
		if !more {
			return nil
		}
	}
}

func (s *rest) page(ctx context.Context, r *feastcore.Registry, list restList, page int) (more bool, err error) {
	raw, err := s.get(ctx, list.path, page)
	if err != nil {
		return false, err
	}
	var answer map[string]json.RawMessage
	var items []json.RawMessage
	var pages struct {
		HasNext bool `json:"hasNext"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return false, errors.New("the answer is not JSON; is it Feast's REST server? Its port is 6572 if --rest-port doesn't say another")
	}
	if err := json.Unmarshal(answer[list.key], &items); err != nil {
		return false, fmt.Errorf("the answer has no list %s; is it Feast's REST server?", list.key)
	}
	if answer["pagination"] != nil {
		if err := json.Unmarshal(answer["pagination"], &pages); err != nil {
			return false, fmt.Errorf("pagination: %w", err)
		}
	}
	for _, item := range items {
		var kind struct {
			Type json.RawMessage `json:"type"`
		}
		if err := json.Unmarshal(item, &kind); err != nil {
			return false, fmt.Errorf("an item is no object: %w", err)
		}
		if err := list.add(r, strings.Trim(string(kind.Type), `"`), item); err != nil {
			return false, err
		}
	}
	return pages.HasNext && len(items) > 0, nil
}

func (s *rest) get(ctx context.Context, path string, page int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	u := s.base.JoinPath(path)
	u.RawQuery = url.Values{"project": {s.project}, "page": {strconv.Itoa(page)}, "limit": {strconv.Itoa(pageSize)}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if token := os.Getenv(tokenVariable); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) { // whose text repeats the address
			err = u.Err
		}
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxPageBytes+1))
	switch s.bytes += len(raw); {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusNotFound:
		return nil, errNoPath
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("the server refuses the caller (%s); put a token into %s", resp.Status, tokenVariable)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the server answers %s: %.200s", resp.Status, strings.Join(strings.Fields(string(raw)), " "))
	case len(raw) > maxPageBytes || s.bytes > MaxBytes:
		return nil, fmt.Errorf("the answer has more than %d MiB", min(maxPageBytes, MaxBytes)>>20)
	}
	return raw, nil
}
