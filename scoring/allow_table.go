package scoring

import "slices"

const (
	uint8s Elem = 2
	int8s  Elem = 3
)

// The sets of elements that operators take. Integers of 8 bits are those of quantization.
var (
	floats   = setOf(Float32, Float64, float16)
	wide     = setOf(Float32, Float64)
	single   = setOf(Float32)
	integers = setOf(Int32, Int64)
	numbers  = floats | integers
	bytes8   = setOf(uint8s, int8s)
	bools    = setOf(Bool)
	textual  = setOf(String)
	shape    = setOf(Int64)
	plain    = numbers | bytes8 | bools // all but texts
	all      = plain | textual
	castable = all
)

// fuzzed are the versions of domains that the runs of fuzzing cover.
var fuzzed = map[string]struct{ first, last int64 }{"": {7, 26}, "ai.onnx": {7, 26}, "ai.onnx.ml": {1, 5}}

// row makes a row of the table.
func row(run string, makes func(*call) ([]fact, string), takes ...elems) operator {
	return operator{run: run, takes: takes, makes: makes}
}

// fixed says which inputs must be in the file.
func (o operator) fixed(inputs ...int) operator { o.constant = inputs; return o }

// sized says which inputs may depend on the number of rows, and on no feature.
func (o operator) sized(inputs ...int) operator { o.sizes = inputs; return o }

// measuring says that the values of the outputs follow from shapes.
func (o operator) measuring() operator { o.measures = true; return o }

// selecting says that the outputs are products or a choice of the values of the inputs.
func (o operator) selecting() operator { o.selects = true; return o }

// listed are the operators on the list.
var listed = map[string]operator{
	// Arithmetic.
	"Abs":        row("2", same, numbers),
	"Add":        row("2", stretched, numbers),
	"Ceil":       row("2", same, floats),
	"Clip":       row("2", same, numbers),
	"CumSum":     row("2", same, numbers, integers).fixed(1),
	"Div":        row("2", divided, numbers),
	"Erf":        row("2", same, single),
	"Exp":        row("2", same, floats),
	"Floor":      row("2", same, floats),
	"Log":        row("2", same, floats),
	"Max":        row("2", stretched, numbers),
	"Mean":       row("2", stretched, single),
	"Min":        row("2", stretched, numbers),
	"Mod":        row("2", divided, numbers),
	"Mul":        row("2", stretched, numbers).selecting(),
	"Neg":        row("2", same, numbers),
	"Pow":        row("2", stretched, wide),
	"Reciprocal": row("2", same, floats),
	"Round":      row("2", same, floats),
	"Sign":       row("2", same, numbers),
	"Sqrt":       row("2", same, floats),
	"Sub":        row("2", stretched, numbers),
	"Sum":        row("2", stretched, wide),
	"Sin":        row("2", same, wide),
	"Cos":        row("2", same, wide),

	// Activations.
	"Celu":            row("2", same, single),
	"Elu":             row("2", same, single),
	"Gelu":            row("2", same, single),
	"HardSigmoid":     row("2", same, single),
	"HardSwish":       row("2", same, single),
	"LeakyRelu":       row("2", same, floats),
	"LogSoftmax":      row("2", same, wide),
	"Mish":            row("2", same, single),
	"PRelu":           row("2", same, single),
	"Relu":            row("2", same, floats),
	"Selu":            row("2", same, single),
	"Sigmoid":         row("2", same, floats),
	"Softmax":         row("2", same, floats),
	"Softplus":        row("2", same, wide),
	"Softsign":        row("2", same, single),
	"Tanh":            row("2", same, floats),
	"ThresholdedRelu": row("2", same, single),

	// Layers.
	"BatchNormalization": row("2", severalLikeFirst, floats),
	"Dropout":            row("2", dropped, floats),
	"Gemm":               row("2", gemm, floats),
	"LayerNormalization": row("2", severalLikeFirst, floats),
	"LpNormalization":    row("2", same, wide),
	"RMSNormalization":   row("2", same, floats),
	"Einsum":             row("2", likeFirst, wide|integers),
	"MatMul":             row("2", matMul, numbers),

	// Recurrent layers.
	"GRU":  row("2", layers, single, single, single, single, setOf(Int32), single).fixed(4),
	"LSTM": row("2", layers, single, single, single, single, setOf(Int32), single).fixed(4),
	"RNN":  row("2", layers, single, single, single, single, setOf(Int32), single).fixed(4),

	// Comparisons.
	"And":            row("2", compared, bools),
	"Equal":          row("2", compared, all),
	"Greater":        row("2", compared, numbers),
	"GreaterOrEqual": row("2", compared, numbers),
	"IsInf":          row("2", sameAs(Bool), wide),
	"IsNaN":          row("2", sameAs(Bool), floats),
	"Less":           row("2", compared, numbers),
	"LessOrEqual":    row("2", compared, numbers),
	"Not":            row("2", same, bools),
	"Or":             row("2", compared, bools),
	"Where":          row("2", where, bools, plain),
	"Xor":            row("2", compared, bools),

	// Sums and the like over axes.
	"ArgMax":          row("2", reduced(Int64), numbers),
	"ArgMin":          row("2", reduced(Int64), numbers),
	"ReduceL1":        row("2", reduced(0), wide, shape).fixed(1),
	"ReduceL2":        row("2", reduced(0), wide, shape).fixed(1),
	"ReduceLogSumExp": row("2", reduced(0), wide, shape).fixed(1),
	"ReduceMax":       row("2", reduced(0), numbers, shape).fixed(1),
	"ReduceMean":      row("2", reduced(0), wide, shape).fixed(1),
	"ReduceMin":       row("2", reduced(0), numbers, shape).fixed(1),
	"ReduceProd":      row("2", reduced(0), wide, shape).fixed(1).selecting(),
	"ReduceSum":       row("2", reduced(0), numbers, shape).fixed(1),
	"ReduceSumSquare": row("2", reduced(0), wide, shape).fixed(1),

	// Shapes and places.
	"Cast":            row("2", cast, all).selecting(),
	"Concat":          row("2", concat, all).selecting(),
	"Constant":        row("2", constant, 0),
	"ConstantOfShape": row("2", filled, shape).sized(0).selecting(),
	"Expand":          row("2", likeFirst, plain, shape).sized(1).selecting(),
	"Flatten":         row("2", flatten, all).selecting(),
	"GatherElements":  row("2", likeSecond, plain, integers),
	"OneHot":          row("2", oneHot, integers|wide, integers|wide, plain).fixed(1, 2),
	"Pad":             row("2", likeFirst, numbers, shape, numbers, integers).fixed(1, 3),
	"Tile":            row("2", likeFirst, plain, shape).fixed(1),
	"TopK":            row("2", top, numbers, shape).fixed(1),
	"Gather":          row("2", gather, all, integers).selecting(),
	"Identity":        row("2", handedOn, all).selecting(),
	"Reshape":         row("2", reshape, all, shape).sized(1).selecting(),
	"Shape":           row("2", measured, all).measuring(),
	"Size":            row("2", counted, all).measuring(),
	"Slice":           row("2", slice, plain, integers).fixed(1, 2, 3, 4).selecting(),
	"Split":           row("2", split, plain, shape).fixed(1).selecting(),
	"Squeeze":         row("2", squeeze, all, shape).fixed(1).selecting(),
	"Transpose":       row("2", transpose, all).selecting(),
	"Unsqueeze":       row("2", unsqueeze, all, shape).fixed(1).selecting(),

	// Quantization.
	"DequantizeLinear":      row("2", withElem(1, Float32), bytes8|setOf(Int32), single, bytes8|setOf(Int32)).fixed(1, 2),
	"DynamicQuantizeLinear": row("2", dynamicallyQuantized, single),
	"MatMulInteger":         row("2", matMulInteger, bytes8).fixed(3),
	"QLinearMatMul":         row("2", quantizedMatMul, bytes8, single, bytes8, bytes8, single, bytes8, single, bytes8).fixed(1, 2, 4, 5, 6, 7),
	"QuantizeLinear":        row("2", withElem(2, uint8s), single, single, bytes8).fixed(1, 2),

	// Classic models.
	"ai.onnx.ml:ArrayFeatureExtractor":  row("2", features, all, shape),
	"ai.onnx.ml:Binarizer":              row("2", same, single),
	"ai.onnx.ml:CategoryMapper":         row("2", mapped, textual|shape),
	"ai.onnx.ml:FeatureVectorizer":      row("2", joined, wide|integers),
	"ai.onnx.ml:Imputer":                row("2", same, single|shape),
	"ai.onnx.ml:LabelEncoder":           row("2", encoded, textual|shape|wide),
	"ai.onnx.ml:LinearClassifier":       row("2", linearClassifier, wide|integers),
	"ai.onnx.ml:LinearRegressor":        row("2", linearRegressor, single),
	"ai.onnx.ml:Normalizer":             row("2", sameAs(Float32), wide|integers),
	"ai.onnx.ml:OneHotEncoder":          row("2", oneHotEncoded, textual|wide|integers),
	"ai.onnx.ml:Scaler":                 row("2", sameAs(Float32), wide|integers),
	"ai.onnx.ml:SVMClassifier":          row("2", svmClassifier, wide|integers),
	"ai.onnx.ml:SVMRegressor":           row("2", svmRegressor, single),
	"ai.onnx.ml:TreeEnsembleClassifier": row("2", treeClassifier, wide|integers),
	"ai.onnx.ml:TreeEnsembleRegressor":  row("2", treeRegressor, wide|integers),
	"ai.onnx.ml:ZipMap":                 row("2", zipped, single),
}

// dropped makes what Dropout makes outside of training.
func dropped(c *call) ([]fact, string) {
	return []fact{c.in[0].with(c.in[0].elem), c.in[0].with(Bool)}, ""
}

func dynamicallyQuantized(c *call) ([]fact, string) {
	return []fact{c.in[0].with(uint8s), {elem: Float32, dims: []int64{}}, {elem: uint8s, dims: []int64{}}}, ""
}

func matMulInteger(c *call) ([]fact, string) {
	return []fact{{elem: Int32, dims: multiplied(c.in[0], c.input(1))}}, ""
}

func quantizedMatMul(c *call) ([]fact, string) {
	return []fact{{elem: c.input(7).elem, dims: multiplied(c.in[0], c.input(3))}}, ""
}

// layers makes what recurrent layers make.
func layers(c *call) ([]fact, string) {
	return slices.Repeat([]fact{{elem: c.in[0].elem}}, len(c.out)), ""
}

// likeSecond makes one output of the type of the first input and the dimensions of the
// second.
func likeSecond(c *call) ([]fact, string) {
	return []fact{c.input(1).with(c.in[0].elem)}, ""
}

func oneHot(c *call) ([]fact, string) { return []fact{{elem: c.input(2).elem}}, "" }

func top(c *call) ([]fact, string) { return []fact{{elem: c.in[0].elem}, {elem: Int64}}, "" }

// measured makes what Shape makes.
func measured(c *call) ([]fact, string) {
	out := fact{elem: Int64}
	if c.in[0].dims != nil && len(c.attrs) == 0 {
		out.dims, out.ints = []int64{int64(len(c.in[0].dims))}, c.in[0].dims
	}
	return []fact{out}, ""
}

func counted(*call) ([]fact, string) { return []fact{{elem: Int64, dims: []int64{}}}, "" }
