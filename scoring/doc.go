// Package scoring loads ONNX models and scores vectors with them. It alone owns ONNX
// Runtime, the memory that C keeps, and the threads that models run on.
//
// # Which models fit
//
// [Inspect] reads the file before ONNX Runtime sees it, and [Bind] compares it with
// the features of a plan. An input takes one of these:
//
//	the only input        all features, in the order of the feature service
//	named after a feature that feature: VIEW:FEATURE, VIEW__FEATURE, or FEATURE alone
//	                      where only one view has it; the view of request values is
//	                      "request"
//	any other             the features that the model's definition lists for it
//
// Its shape is [N] or [N, F] for numbers and strings, [N, L] for a list or a vector, and
// [N, T, F] for F lists of T elements: see layout.go. N must be free, or 1: a model with
// another fixed number of rows is refused, and one of 1 gets its rows one by one.
//
// A feature feeds the elements that can hold what it means:
//
//	bool       bool; float32, float64, int32, int64 as 0 and 1
//	int32      int32, int64, float64, float32
//	int64      int64, float64, float32
//	float32    float32, float64
//	float64    float64, float32
//	string     string
//	timestamp  int64: microseconds since 1970 UTC
//	bytes      nothing
//	list       what its elements feed
//
// A float16 or bfloat16 input takes the same features as a float32 input, rounded once
// more.
//
// A large integer or a float64 is rounded to the nearest float32, as in training when
// the model was trained on float32. An integer is never narrowed to a smaller integer
// type, and a float never becomes an integer. A null is NaN in a float input; for any
// other input the feature must have a default.
//
// The outputs of a model are what its trial returns, whatever shapes its file declares:
// those that give values for each row. The score is the declared output and column, or
// else the only output of probabilities by class, of floats, or of integers or bools, if
// it has one column or holds the probabilities of two classes (then the second). A model
// without such an output has no score, only outputs. [Score] says why a column was
// chosen. Where scikit-learn returns probabilities as a sequence of maps, they are taken
// from the tensor that its ZipMap node reads.
//
// The score alone and all outputs are computed by two sessions, of which the second is
// made when it is first needed. A score that has other bits beside the other outputs is
// always computed with them.
//
// # What is refused
//
// Tensor data in other files; operators outside of ai.onnx, ai.onnx.ml, com.microsoft
// and the model's own functions; files over [MaxModelBytes]; more nodes, tensors or
// nested graphs than models of tabular data have, also after functions are expanded;
// tensors whose data is not as large as their dimensions; files in ONNX Runtime's own
// format; trees that read past the end of their input, or are too deep. A model that
// passes is warmed up before it serves. It is refused if the warm-up fails, if all its
// scores are NaN or infinite, if it leaves elements of an output unwritten or gives the
// same rows other values in another run, or if what it says of a row depends on the rows
// beside it: rows of different values are scored alone and in runs of several sizes, and
// all must get the same answers.
//
// # Where a model runs
//
// Operators of ONNX Runtime can crash. So a model is warmed up in a child process of
// package worker first, which a bad model may end: that is a refusal. Then the model is
// loaded into the server's process if all of it is on the list of allow.go, or stays in
// its child, a [host]. A run of a hosted model lies in memory that the child shares. The
// child is started again when it dies, and the model is quarantined after three deaths.
// A [Journal] remembers that across restarts, and which models were being scored when
// the server itself crashed. Runs over tensors, whose shapes are the caller's, are always
// in a child.
//
// # What a run may take
//
// A run that takes longer than the model's time limit is stopped between two nodes,
// even if the request has no deadline. The runs of a model share an arena. A run that
// asks for more memory than the model's limit leaves is stopped, also when the size is
// only computed during the run. Both cases are counted, the caller gets an error of
// kind Exhausted, and other runs go on. The limits hold while a model is loaded too:
// it first runs once as written, under both limits. Only then may ONNX Runtime
// precompute what depends only on constants; for models with branches and loops it
// never does. The arena does not cover strings, the memory that a kernel allocates for
// itself while it runs, and a device's own memory; a child process has a limit for all of
// it but the last. A single node can't be interrupted: a child that goes on is killed.
//
// Operators of dynamic quantization take their scale from all rows of a run. A model
// with such operators gets one row at a time, so that no score depends on other
// requests.
//
// # What scores
//
// ONNX Runtime scores in general. Package forest also reads a model that is only a sum
// of decision trees over a dense input, as converters write random forests and
// gradient boosting. It walks trees several times faster. ONNX Runtime has rules of its
// own where a leaf lacks a weight, for two classes, and for base values. Larder walks
// only ensembles whose files show that these rules add one weight for each tree and
// nothing else: see ensemble.go. When such a model is loaded, both also score difficult
// rows: values that trees compare with, the floats next to them, NaN, infinities, and
// rows that reach the leaves one by one. Larder walks the trees only if all scores have the same
// bits; [Model.Engine] says which of the two scores.
//
// # Life and memory
//
// A [Set] loads the [Models] of a catalog, which stay loaded until they are released. A
// [Model] has one session, which any number of runs use at once, each on its caller's
// thread. Long runs share the cores, two runs to a core. A [Run] owns its tensors,
// which lie in memory from malloc. Runs are kept and reused, so scoring allocates the
// same few Go objects for any number of features, and two more for each 1024 rows. A
// model is unloaded when every catalog that has it is released. The caller of a run
// holds the model's Models until it releases the run.
//
// A deadline ends a run between two nodes of the model. A forest is one node: a run of
// it ends after the current 1024 rows, whether ONNX Runtime or Larder walks it.
package scoring
