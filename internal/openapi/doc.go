// Package openapi describes HTTP paths and makes an OpenAPI 3.1 document of them.
//
// Whoever serves a path describes it in an [Operation], beside its handler: what it takes,
// what it answers, and an example of both. The document, the list of paths at GET / and
// the tests of the examples are made of these descriptions, so that there are no others.
package openapi
