// Package integration holds the product's specification: scripts in testdata, which
// run against the real binary and a real Postgres, and tests of what happens when
// something that the server needs breaks.
//
// A script is a list of commands, then a line of four dashes, then what the commands
// print. An indented line belongs to the command above it. All times are on one day,
// written as 10:00 or 10:00:00.000001; +1d10:00 is on the next day.
//
//	entity NAME KEY:TYPE...
//	view NAME entity=E[,E] [ttl=1h] [ingest] [deleted] [lateness=1m] FEATURE:TYPE[=DEFAULT]...
//	service NAME VIEW:FEATURE...
//	drop view|service NAME
//	apply                                applies the definitions so far; prints an error
//	load VIEW                            rows: TIME KEY=VALUE... [ingest=TIME] [deleted=true]
//	materialize VIEW [until=TIME] [from=TIME] [full]
//	get VIEW|SERVICE [at=TIME]           rows: KEY=VALUE..., or KEY=VALUE... on the line itself
//	restart                              SIGTERM, then start again
//	kill                                 SIGKILL, then start again
//
// A get prints a line per row: the keys, then FEATURE=VALUE STATUS for each
// feature, then the age of the row of each view read. A view is its own service.
package integration
