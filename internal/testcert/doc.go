// Package testcert makes certificates for servers of tests.
package testcert
