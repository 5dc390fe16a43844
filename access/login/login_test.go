package login_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"larder/access/login"
	"larder/access/oidc"
	"larder/internal/testoidc"
)

// A person logs in by the device flow at a real provider, a server takes the token, and the
// store gives it to calls of that server only.
func TestLogin(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	provider := testoidc.New(t)
	const client = testoidc.Client
	issuer := provider.Issuer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server := login.Server{Issuer: issuer, ClientID: client, Audience: client}
	session, err := login.Device(ctx, server, func(page, code string) {
		if !strings.HasPrefix(page, issuer+"/device") || code == "" {
			t.Errorf("page %q, code %q", page, code)
		}
		if err := provider.Approve(ctx, code); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := oidc.New(oidc.Options{Issuer: issuer, Audience: client})
	if err != nil {
		t.Fatal(err)
	}
	if id, _, err := verifier.Verify(ctx, session.Token); err != nil || id.String() != "user:"+testoidc.Person {
		t.Fatalf("the token is of %s, %v", id, err)
	}
	other, err := oidc.New(oidc.Options{Issuer: issuer, Audience: "another"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := other.Verify(ctx, session.Token); err == nil {
		t.Fatal("a server with another audience takes the token")
	}
	store, err := login.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Put("features:6570", session); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(store.Path()); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file of logins: %v, %v", info, err)
	}
	f := func(addr, want string) {
		t.Helper()
		if token, err := store.Token(ctx, addr); err != nil || token != want {
			t.Errorf("%s gets %q, %v", addr, token, err)
		}
	}
	f("features:6570", session.Token)
	f("features:6571", "")
	// Near its end the token is renewed, and the new one is kept.
	session.Expires = time.Now().Add(time.Second)
	if err := store.Put("features:6570", session); err != nil {
		t.Fatal(err)
	}
	renewed, err := store.Token(ctx, "features:6570")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := verifier.Verify(ctx, renewed); err != nil || renewed == "" {
		t.Fatalf("the renewed token: %v", err)
	}
	f("features:6570", renewed)
	if err := store.Put("features:6570", nil); err != nil {
		t.Fatal(err)
	}
	f("features:6570", "")
}

func TestRefusedLogins(t *testing.T) {
	provider := testoidc.New(t)
	const client = testoidc.Client
	issuer := provider.Issuer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f := func(want string, server login.Server, show func(page, code string)) {
		t.Helper()
		if _, err := login.Device(ctx, server, show); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	never := func(string, string) { t.Error("the login began") }
	f("access_denied", login.Server{Issuer: issuer, ClientID: client, Audience: client}, func(_, code string) {
		if err := provider.Deny(ctx, code); err != nil {
			t.Error(err)
		}
	})
	f(`no token for "features"`, login.Server{Issuer: issuer, ClientID: client, Audience: "features"}, func(_, code string) {
		if err := provider.Approve(ctx, code); err != nil {
			t.Error(err)
		}
	})
	f("begin the login", login.Server{Issuer: issuer, ClientID: "unknown", Audience: client}, never)
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) }))
	defer plain.Close()
	f("no device flow", login.Server{Issuer: plain.URL, ClientID: client, Audience: client}, never)
	plain.Close()
	f("ask the OIDC provider", login.Server{Issuer: plain.URL, ClientID: client, Audience: client}, never)
}
