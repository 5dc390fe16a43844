// Package storetest holds an online store to what package store promises. The
// tests of every store call [Run]; what only one store has, such as files that
// can be damaged, its own tests hold.
package storetest
