// Package scoring loads ONNX models and scores vectors with them. It is the sole
// owner of ONNX Runtime, of the memory that C keeps, and of the threads that
// models run on.
//
// # Which models fit
//
// [Inspect] reads the file before ONNX Runtime sees it, and [Bind] compares it with
// the features of a plan. A model has either one input, a float32 tensor [N, F] of
// all features in the order of the feature service, or one input per feature,
// [N, 1] or [N], called after it: VIEW:FEATURE, VIEW__FEATURE, or FEATURE alone
// where one view only has it; for request values the view is "request". N must be
// free: a model with a fixed number of rows is refused.
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
//	list       nothing
//
// A float16 or bfloat16 takes what a float32 takes, rounded once more.
//
// A large integer or a float64 is rounded to the nearest float32, as it was in
// training when the model was trained on float32. An integer never becomes a
// smaller one, and a float never an integer. A null is NaN in a float input; for
// any other input the feature must have a default.
//
// The score is the declared output and column, or else the first of these that the
// model has exactly once: probabilities by class (of two classes, the second), a
// float tensor, a tensor of integers or bools. What can't be decided is refused,
// and [Binding] says why a column was chosen. Probabilities as scikit-learn's
// sequence of maps are taken from the tensor that its ZipMap node reads.
//
// # What is refused
//
// Tensor data in other files; operators outside of ai.onnx, ai.onnx.ml, com.microsoft
// and the model's own functions; files over [MaxModelBytes]; more nodes, tensors or
// nested graphs than models of tabular data have, also after functions are
// expanded; tensors whose data is not as large as their dimensions; files in ONNX
// Runtime's own format; trees that look past the end of their input. A model that
// passes is warmed up before it serves, and refused if it fails then, if all its
// scores are NaN or infinite, or if the score of a row depends on the rows beside it.
//
// # What a run may take
//
// A run that takes longer than the model's limit is ended between two nodes, also
// when nobody waits with a deadline. The runs of a model share an arena, and one
// that asks for more than is left of the model's limit of memory is ended: also of
// sizes that are only computed when it runs. Both are counted, the caller gets an
// error of kind Exhausted, and other runs go on. So that the limits hold for a model
// that is loaded too, it runs once as it is written, under both, before ONNX Runtime
// may compute what depends on constants only; that is left out for models with
// branches and loops. Outside of the arena are strings, what a kernel takes for
// itself while it runs, and a device's own memory; one node that takes long is ended
// when it is done.
//
// Operators of dynamic quantization take their scale from all rows of a run. A model
// that has some gets one row at a time, so that no score depends on who else asks.
//
// # What scores
//
// ONNX Runtime, in general. A model that is nothing but a sum of decision trees over
// a dense input, as converters make of random forests and gradient boosting, is read
// by package forest too, which walks trees several times faster. When a model is
// loaded both score some hundred rows of what is awkward: values that trees compare
// with, the floats beside them, NaN, infinities. Only if all scores have the same bits
// does Larder walk the trees; [Model.Engine] tells.
//
// # Life and memory
//
// A [Set] loads the [Models] of a catalog, which stay loaded until they are released. A
// [Model] has one session that any number of runs use at once, each on its caller's
// thread; runs that take long share the cores, two to each. A [Run] owns its
// tensors, which lie in memory of malloc's; runs are kept and reused, so that
// scoring makes the same few Go objects whatever the number of rows (two more for
// each 1024) and features. A model is unloaded when every catalog that has it was
// released; who runs a model has its Models until the run is released.
//
// A deadline ends a run between two nodes of the model. A forest is one node: it
// ends after the 1024 rows at hand, whoever walks it.
package scoring
