package grpcserver

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
)

// authorized tells whether the authorization headers of a request hold the token.
// How long it takes says nothing about the token: digests are compared.
func (s *Server) authorized(header []string) bool {
	if s.opts.Token == "" {
		return true
	}
	if len(header) != 1 {
		return false
	}
	scheme, token, _ := strings.Cut(header[0], " ")
	if !strings.EqualFold(scheme, "bearer") {
		return false
	}
	got := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(got[:], s.token[:]) == 1
}

func errUnauthenticated() *failure {
	return &failure{
		code: codes.Unauthenticated, http: http.StatusUnauthorized, reason: reasonUnauthenticated,
		message: "this server wants its token, as authorization: Bearer TOKEN",
	}
}
