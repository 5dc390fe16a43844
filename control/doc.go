// Package control is the control plane of a server: it plans and applies
// definitions, stores model files, starts materializations and tells how all
// of it stands, over gRPC.
//
// It checks before it changes: definitions whose sources don't exist or whose
// models don't fit are refused with every reason at once. It serves no
// features; package serving does, and neither knows the other.
package control
