package scoring

// A fuzzRun is a run of make fuzz-list: random models of the operators of the list are tried
// on harmless values, as a trial does, and those that pass are scored with hostile ones.
// docs/models.md explains the numbers.
type fuzzRun struct {
	date    string
	runtime string // the version of ONNX Runtime
	seeds   int    // from 1 on
	models  int    // that passed
	fewest  int    // of these, those of the operator with the fewest
	rows    int    // that were scored with hostile values
	deaths  int    // of a process that scored
}

// fuzzRuns are the runs that rows of the table name.
var fuzzRuns = map[string]fuzzRun{
	"1": {date: "2026-11-28", runtime: "1.30.0", seeds: 50980, models: 30095, fewest: 66, rows: 124834060, deaths: 0},
}
