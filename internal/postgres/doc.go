// Package postgres bounds how long a program waits for a Postgres that has stopped
// without closing its connections: a machine that froze, a network that drops packets,
// a process that was stopped by a signal.
//
// A connection that brings no byte for a while asks, over a connection of its own,
// whether Postgres still answers anybody. If it does, a query takes long and is waited
// for; if not, the connection fails with [ErrSilent]. So a query may take hours, and a
// Postgres that stopped is noticed within seconds.
//
// Queries that belong to a trace of OpenTelemetry are spans of it. Others cost nothing.
package postgres
