// Package egress connects to what definitions name: brokers of streams and schema
// registries. Whoever may apply definitions chooses these hosts, so a server that connected
// to any of them would let its callers reach what only the server can reach.
//
// An operator may list the hosts. Link-local addresses, where clouds keep credentials of the
// machine, are refused in any case, whichever name has led there. An HTTP client follows
// redirects on the same host only.
package egress
