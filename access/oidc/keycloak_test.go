//go:build keycloak

package oidc_test

import (
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"larder/access/oidc"
	"larder/internal/brokers"
)

// realm is what docs/security.md tells to set up in Keycloak: a public client for people, a
// client with a secret for programs, the audience and the groups in their tokens.
func realm() map[string]any {
	mappers := []map[string]any{
		{
			"name": "audience", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
			"config": map[string]string{"included.custom.audience": "larder", "access.token.claim": "true"},
		},
		{
			"name": "groups", "protocol": "openid-connect", "protocolMapper": "oidc-group-membership-mapper",
			"config": map[string]string{"claim.name": "groups", "full.path": "false", "access.token.claim": "true", "id.token.claim": "true"},
		},
	}
	return map[string]any{
		"realm": "main", "enabled": true, "groups": []map[string]any{{"name": "risk"}},
		"users": []map[string]any{{
			"username": "ann", "enabled": true, "email": "ann@example.com", "emailVerified": true, "firstName": "Ann", "lastName": "Example", "groups": []string{"/risk"},
			"credentials": []map[string]any{{"type": "password", "value": "sesame", "temporary": false}},
		}},
		"clients": []map[string]any{
			{"clientId": "larder-cli", "publicClient": true, "directAccessGrantsEnabled": true, "protocolMappers": mappers},
			{"clientId": "ci", "secret": "hush", "serviceAccountsEnabled": true, "standardFlowEnabled": false, "protocolMappers": mappers},
			{"clientId": "other", "secret": "hush", "serviceAccountsEnabled": true, "standardFlowEnabled": false},
		},
	}
}

// TestKeycloak: tokens of people and programs, for this audience and others, with keys that
// change, and while Keycloak doesn't answer.
func TestKeycloak(t *testing.T) {
	k := brokers.NewKeycloak(t)
	k.Admin(http.MethodPost, "/realms", realm(), nil)
	open := func(audience, user string) *oidc.Verifier {
		v, err := oidc.New(oidc.Options{Issuer: k.URL + "/realms/main", Audience: audience, User: user, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	v := open("larder", "preferred_username")
	person, id := k.Token("main", url.Values{"grant_type": {"password"}, "client_id": {"larder-cli"}, "username": {"ann"}, "password": {"sesame"}, "scope": {"openid"}})
	program, _ := k.Token("main", url.Values{"grant_type": {"client_credentials"}, "client_id": {"ci"}, "client_secret": {"hush"}})
	stranger, _ := k.Token("main", url.Values{"grant_type": {"client_credentials"}, "client_id": {"other"}, "client_secret": {"hush"}})
	admin, _ := k.Token("master", url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"admin"}, "password": {"admin"}})

	takes := func(what string, v *oidc.Verifier, token, user, groups string) {
		t.Helper()
		got, until, err := v.Verify(t.Context(), token)
		if err != nil || got.Name != user || strings.Join(got.Groups, ",") != groups || time.Until(until) <= 0 {
			t.Errorf("%s: %+v until %s, %v", what, got, until, err)
		}
	}
	refuses := func(what string, v *oidc.Verifier, token string) {
		t.Helper()
		if got, _, err := v.Verify(t.Context(), token); err == nil {
			t.Errorf("%s is taken, as %s", what, got)
		}
	}
	takes("a person", v, person, "ann", "risk")
	takes("a person by address", open("larder", "email"), person, "ann@example.com", "risk")
	takes("a program", v, program, "service-account-ci", "")
	takes("an ID token, where the client is the audience", open("larder-cli", "preferred_username"), id, "ann", "risk")
	refuses("an ID token, whose audience is the client", v, id)
	refuses("a token without the audience", v, stranger)
	refuses("a token of another realm", v, admin)
	parts := strings.Split(person, ".")
	refuses("alg none", v, base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))+"."+parts[1]+".")
	refuses("a signature of another token", v, parts[0]+"."+parts[1]+"."+strings.Split(program, ".")[2])

	// Keycloak doesn't answer: its keys are known. A server that has just started knows none.
	k.Pause()
	takes("a person while Keycloak is away", v, person, "ann", "risk")
	began := time.Now()
	refuses("a person by a server that knows no keys", open("larder", "preferred_username"), person)
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("a provider that doesn't answer took %s", took)
	}
	k.Resume()

	// A new key signs, and the old one is withdrawn.
	var about struct{ ID string }
	k.Admin(http.MethodGet, "/realms/main", nil, &about)
	var components []struct {
		ID, Name, ProviderID string
	}
	k.Admin(http.MethodGet, "/realms/main/components?type=org.keycloak.keys.KeyProvider", nil, &components)
	k.Admin(http.MethodPost, "/realms/main/components", map[string]any{
		"name": "next", "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider", "parentId": about.ID,
		"config": map[string][]string{"priority": {"200"}, "algorithm": {"RS256"}, "keySize": {"2048"}},
	}, nil)
	for _, c := range components {
		if c.ProviderID == "rsa-generated" {
			k.Admin(http.MethodDelete, "/realms/main/components/"+c.ID, nil, nil)
		}
	}
	next, _ := k.Token("main", url.Values{"grant_type": {"password"}, "client_id": {"larder-cli"}, "username": {"ann"}, "password": {"sesame"}})
	oidc.Age(v, 10*time.Second) // keys are asked for every few seconds at most
	takes("a token of the new key", v, next, "ann", "risk")
	refuses("a token of the withdrawn key", v, person)
}
