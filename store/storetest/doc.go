// Package storetest tests that an online store keeps the promises of package store.
// The tests of every store call [Run]. Features of a single store, such as files that
// can be damaged, are tested beside that store.
package storetest
