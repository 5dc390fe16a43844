// Package offline reads feature history from Postgres: the rows of one window of
// a source, as Arrow record batches.
//
// It promises that
//
//   - a window is read in one REPEATABLE READ READ ONLY transaction, so that it
//     shows the table at one moment no matter how long the read takes;
//   - memory is bounded by the batch (8192 rows or 8 MiB, whichever comes first),
//     for a table of any size: rows stream from Postgres as fast as they
//     are consumed and no faster;
//   - a record has the declared types, converted here and nowhere else: what
//     converts exactly or by correct rounding to a float is stored, and any
//     other value makes its row a [schema.BadRow] with a reason and a sample;
//   - values never become part of SQL text: names are quoted, times and zones
//     are parameters;
//   - Open needs no Postgres: connections are made when they are needed.
//
// # Records
//
// The columns of a record are, in this order: the join keys, the event time, the
// ingest time (null where the row or the source has none), deleted (bool, never
// null), and the features. Types map one to one to Arrow's Boolean, Int32, Int64,
// Float32, Float64, String, Binary, Timestamp in microseconds UTC, and List.
//
// # Conversions
//
//	Postgres                                     declared
//	boolean                                      bool
//	smallint, integer                            int32, int64, float32, float64
//	bigint                                       int32, int64, float64
//	real, double precision, numeric              int32, int64, float32, float64
//	text, varchar, char, name, citext, an enum   string
//	uuid, json, jsonb                            string
//	bytea                                        bytes
//	timestamptz                                  timestamp
//	timestamp, date                              timestamp, if the source has a time_zone
//	one-dimensional arrays of these              lists of these
//
// A real, a double precision or a numeric becomes an integer only if its value is
// whole. A join key is never read from a real or a double precision.
//
// It refuses sources with columns that can't be converted. [Store.Check] lists all
// such columns at once, with the types that would fit.
//
// # Loading
//
// A [Load] fills a table from record batches of any source, as [Store.Window] reads one:
// batch by batch, in one transaction. Values go to Postgres as text, by COPY, so that each
// is checked by the type that it gets; before that, this package refuses what Postgres
// would change without a word: a time zone that a column drops or makes up, a fraction
// that an integer has no place for.
package offline
