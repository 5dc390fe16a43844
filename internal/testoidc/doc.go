// Package testoidc runs an OpenID Connect provider for tests: zitadel's, with a client for
// programs on people's machines, and people who may log in by the device flow.
package testoidc
