// Package access decides who may do what.
//
// The words: an [Identity] is who a caller has proved to be: an API key, a client
// certificate, or a person or program that an OIDC provider vouches for. A role is a list of
// actions on resources. A binding gives a role to identities. [Policy] holds the roles and
// bindings of the definitions; [Policy.Grants] returns what one identity may do.
//
// # Promises
//
//   - What no role allows is refused. Nothing is ever subtracted: roles only add.
//   - A decision ([Grants.Allow]) costs under 100 ns and allocates nothing, whatever the
//     number of roles, bindings and patterns.
//   - The secret of an API key is 256 random bits. Only its SHA-256 is kept, and digests are
//     compared in constant time.
//
// # Resources
//
// A resource is KIND:NAME. A pattern is such a name, a beginning of names (model:fraud*),
// project:NAME for all that belongs to a project, server for what is of the whole server,
// or * for everything. A pattern of a view covers its features too.
package access
