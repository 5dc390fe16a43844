// Package pgdev runs a private Postgres cluster in a folder: for larder serve
// --dev, for the demo and for tests.
//
// It never touches a cluster that it didn't make. The cluster listens on a port of the
// loopback only, with random passwords. Port and passwords are kept in the folder and stay
// the same over restarts; only a port that another program has taken changes. It ends
// with the process that started it, also when that process is killed. Postgres refuses
// to run as root, so root's clusters run as the user postgres or, if that is missing,
// as the user nobody.
package pgdev
