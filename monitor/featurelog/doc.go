// Package featurelog logs the requests and inputs of models. For each scored row it
// stores the keys, the values of the request, the vector as the model saw it, bit for
// bit, the status and age of each view, versions, the score and the latency.
//
// It promises that
//
//   - it never delays a request: entries wait in a bounded queue, and entries that
//     do not fit are dropped and counted;
//   - a file appears whole or not at all: it is written under another name and
//     renamed when it is finished and on disk. Files that a killed
//     process left are removed by the next;
//   - disk is bounded: when the log reaches its limit, or its disk has too little space
//     left, entries are dropped and counted until there is room;
//   - a disk that is full, read-only or broken costs rows only, which are counted. The
//     metric larder_feature_log_failing is 1 meanwhile, and the log goes on by itself;
//   - a [Table] that is slow or dead loses only its own rows, which are counted: it
//     has its own queue and goroutine, besides those of the folder.
//
// # Files
//
// DIR/MODEL/VERSION-CATALOG-TIME-RANDOM.parquet, one schema per model version and
// version of the definitions. Columns:
//
//	JOIN_KEY          each of the request's keys
//	NAME              each value that came with the request
//	log:time          the request's clock reading, timestamp[us, UTC]
//	log:request_id    the caller's or one that was drawn, string
//	log:row           of the request, int32
//	log:role          serve or shadow, string
//	log:overridden    VIEW:FEATURE that the request brought, list<string>
//	log:score         float64
//	log:latency_us    of the request, until it was scored, int64
//	log:model_version, log:catalog_version   int64
//	status:VIEW       PRESENT, NOT_FOUND or OUTSIDE_MAX_AGE, as int8 by its number in larder.v1.Status
//	age_us:VIEW       int64; 0 where nothing was found
//	position:VIEW     of an aggregate view: the batch of its stream that it was answered from, int64
//	vector:FEATURE    what the model was fed: float32 where it takes one tensor,
//	                  else the type of its input
//
// A file's metadata has larder.model_sha256 of the model file and larder.fingerprint
// of the definitions. A folder belongs to one log at a time, which locks it.
//
// The keys and the values of the request keep their names, so a log can be used as a
// spine, with log:time as the time of its rows. A [Skew] compares the vectors of a log
// with those of the training set that was built from it.
package featurelog
