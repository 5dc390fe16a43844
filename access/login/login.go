// Package login logs people in at an OpenID Connect provider, by the device flow (RFC 8628),
// and keeps their tokens for the commands that follow.
//
// Tokens lie in one file that only its owner can read, by the address of the server that
// they are for. A token is sent to no other server.
package login

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"larder/internal/wholefile"
)

// A Server is what a server says about how people log in.
type Server struct{ Issuer, ClientID, Audience string }

// A Session is what a login brought.
type Session struct {
	Server
	TokenURL string    `json:"token_url"`
	Token    string    `json:"token"` // what calls send
	Refresh  string    `json:"refresh_token,omitempty"`
	Expires  time.Time `json:"expires"`
}

// maxAnswer bounds what a provider may send.
const maxAnswer = 1 << 20

// Device logs in. It calls show with the page to open and the code to type there, and waits
// until that has been done.
func Device(ctx context.Context, s Server, show func(page, code string)) (*Session, error) {
	client := httpClient()
	var about struct {
		Device string `json:"device_authorization_endpoint"`
		Token  string `json:"token_endpoint"`
	}
	if err := get(ctx, client, strings.TrimSuffix(s.Issuer, "/")+"/.well-known/openid-configuration", &about); err != nil {
		return nil, fmt.Errorf("ask the OIDC provider %s: %w", s.Issuer, err)
	}
	if about.Device == "" || about.Token == "" {
		return nil, fmt.Errorf("the OIDC provider %s has no device flow; allow it there, or send a token of it with --key-file", s.Issuer)
	}
	config := oauth2.Config{
		ClientID: s.ClientID, Scopes: []string{"openid", "profile", "email", "offline_access"},
		Endpoint: oauth2.Endpoint{DeviceAuthURL: about.Device, TokenURL: about.Token, AuthStyle: oauth2.AuthStyleInParams},
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, client)
	verifier := oauth2.GenerateVerifier()
	asked, err := config.DeviceAuth(ctx, oauth2.S256ChallengeOption(verifier))
	if err != nil {
		return nil, fmt.Errorf("begin the login at %s: %w", s.Issuer, plain(err))
	}
	page := asked.VerificationURIComplete
	if page == "" {
		page = asked.VerificationURI
	}
	show(page, asked.UserCode)
	got, err := config.DeviceAccessToken(ctx, asked, oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, fmt.Errorf("log in at %s: %w", s.Issuer, plain(err))
	}
	session := &Session{Server: s, TokenURL: about.Token}
	return session, session.take(got)
}

// take keeps the token of an answer that is for the server: the access token or, where that
// says nothing that a server can verify, the ID token.
func (s *Session) take(got *oauth2.Token) error {
	id, _ := got.Extra("id_token").(string)
	for _, token := range []string{got.AccessToken, id} {
		if expires, audience, ok := read(token); ok && slices.Contains(audience, s.Audience) {
			s.Token, s.Expires = token, expires
			if got.RefreshToken != "" {
				s.Refresh = got.RefreshToken
			}
			return nil
		}
	}
	return fmt.Errorf("the OIDC provider gave no token for %q, the audience of this server; add that audience to the tokens of client %q there", s.Audience, s.ClientID)
}

// read returns what a token says of itself. It verifies nothing: that is the server's.
func read(token string) (expires time.Time, audience []string, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return expires, nil, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return expires, nil, false
	}
	var claims struct {
		Expires  float64 `json:"exp"`
		Audience any     `json:"aud"`
	}
	if err := json.Unmarshal(raw, &claims); err != nil {
		return expires, nil, false
	}
	switch a := claims.Audience.(type) {
	case string:
		audience = []string{a}
	case []any:
		for _, x := range a {
			if name, isText := x.(string); isText {
				audience = append(audience, name)
			}
		}
	}
	return time.Unix(int64(claims.Expires), 0), audience, true
}

// early is how long before its end a token is replaced.
const early = 30 * time.Second

// refresh replaces a token that ends soon. It reports whether it did.
func (s *Session) refresh(ctx context.Context) (bool, error) {
	if time.Until(s.Expires) > early {
		return false, nil
	}
	again := errors.New("the login has expired; run larder login again")
	if s.Refresh == "" {
		return false, again
	}
	config := oauth2.Config{ClientID: s.ClientID, Endpoint: oauth2.Endpoint{TokenURL: s.TokenURL, AuthStyle: oauth2.AuthStyleInParams}}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, httpClient())
	got, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: s.Refresh}).Token()
	if err != nil {
		var answered *oauth2.RetrieveError
		if errors.As(err, &answered) {
			return false, again
		}
		return false, fmt.Errorf("renew the login at %s: %w", s.Issuer, err)
	}
	return true, s.take(got)
}

// A Store keeps sessions in a file.
type Store struct{ path string }

// Open returns the store in the user's folder of settings.
func Open() (*Store, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return nil, fmt.Errorf("no folder to keep a login in: %w; set HOME", err)
	}
	return &Store{filepath.Join(dir, "larder", "logins.json")}, nil
}

// Path returns the file.
func (s *Store) Path() string { return s.path }

func (s *Store) read() (map[string]*Session, error) {
	raw, err := os.ReadFile(s.path)
	if errors.Is(err, os.ErrNotExist) {
		return map[string]*Session{}, nil
	}
	if err != nil {
		return nil, err
	}
	all := map[string]*Session{}
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w; remove it, and log in again", s.path, err)
	}
	return all, nil
}

// Put keeps the session for a server's address; nil takes away the one that is there.
func (s *Store) Put(addr string, session *Session) error {
	all, err := s.read()
	if err != nil {
		return err
	}
	if session == nil {
		delete(all, addr)
	} else {
		all[addr] = session
	}
	raw, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	return wholefile.Write(s.path, raw, 0o600)
}

// Token returns the token for a server's address, renewed if it ends soon; "" without a
// login there.
func (s *Store) Token(ctx context.Context, addr string) (string, error) {
	all, err := s.read()
	if err != nil {
		return "", err
	}
	session := all[addr]
	if session == nil {
		return "", nil
	}
	renewed, err := session.refresh(ctx)
	if err != nil {
		return "", err
	}
	if renewed {
		if err := s.Put(addr, session); err != nil {
			return "", err
		}
	}
	return session.Token, nil
}

func httpClient() *http.Client {
	const patience = 10 * time.Second
	return &http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func get(ctx context.Context, client *http.Client, address string, into any) error {
	if _, err := url.Parse(address); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", address, resp.Status)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(into)
}

// plain returns what a provider says of a refusal, without its raw answer.
func plain(err error) error {
	var answered *oauth2.RetrieveError
	if !errors.As(err, &answered) || answered.ErrorCode == "" {
		return err
	}
	if answered.ErrorDescription != "" {
		return fmt.Errorf("%s (%s)", answered.ErrorDescription, answered.ErrorCode)
	}
	return errors.New(answered.ErrorCode)
}
