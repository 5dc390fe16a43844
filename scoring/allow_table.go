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
	strings_ = setOf(String)
	shape    = setOf(Int64)
	plain    = numbers | bytes8 | bools // all but texts
	all      = plain | strings_
	castable = all
)

// fuzzed are the versions of domains that the runs of fuzzing cover.
var fuzzed = map[string]struct{ first, last int64 }{"": {7, 26}, "ai.onnx": {7, 26}, "ai.onnx.ml": {1, 5}}

// run1 is the fuzzing run that the rows name.
const run1 = "1"

func row(makes func(*call) ([]fact, string), takes ...elems) operator {
	return operator{run: run1, takes: takes, makes: makes}
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
	"Abs":        row(same, numbers),
	"Add":        row(stretched, numbers),
	"Ceil":       row(same, floats),
	"Clip":       row(same, numbers),
	"CumSum":     row(same, numbers, integers).fixed(1),
	"Div":        row(divided, numbers),
	"Erf":        row(same, single),
	"Exp":        row(same, floats),
	"Floor":      row(same, floats),
	"Log":        row(same, floats),
	"Max":        row(stretched, numbers),
	"Mean":       row(stretched, single),
	"Min":        row(stretched, numbers),
	"Mod":        row(divided, numbers),
	"Mul":        row(stretched, numbers).selecting(),
	"Neg":        row(same, numbers),
	"Pow":        row(stretched, wide),
	"Reciprocal": row(same, floats),
	"Round":      row(same, floats),
	"Sign":       row(same, numbers),
	"Sqrt":       row(same, floats),
	"Sub":        row(stretched, numbers),
	"Sum":        row(stretched, wide),
	"Sin":        row(same, wide),
	"Cos":        row(same, wide),

	// Activations.
	"Celu":            row(same, single),
	"Elu":             row(same, single),
	"Gelu":            row(same, single),
	"HardSigmoid":     row(same, single),
	"HardSwish":       row(same, single),
	"LeakyRelu":       row(same, floats),
	"LogSoftmax":      row(same, wide),
	"Mish":            row(same, single),
	"PRelu":           row(same, single),
	"Relu":            row(same, floats),
	"Selu":            row(same, single),
	"Sigmoid":         row(same, floats),
	"Softmax":         row(same, floats),
	"Softplus":        row(same, wide),
	"Softsign":        row(same, single),
	"Tanh":            row(same, floats),
	"ThresholdedRelu": row(same, single),

	// Layers.
	"BatchNormalization":    row(severalLikeFirst, floats),
	"Dropout":               row(dropped, floats),
	"Gemm":                  row(gemm, floats),
	"GroupNormalization":    row(same, single),
	"InstanceNormalization": row(same, single),
	"LayerNormalization":    row(severalLikeFirst, floats),
	"LpNormalization":       row(same, wide),
	"RMSNormalization":      row(same, floats),
	"Einsum":                row(likeFirst, wide|integers),
	"MatMul":                row(matMul, numbers),

	// Recurrent layers.
	"GRU":  row(layers, single, single, single, single, setOf(Int32), single).fixed(4),
	"LSTM": row(layers, single, single, single, single, setOf(Int32), single).fixed(4),
	"RNN":  row(layers, single, single, single, single, setOf(Int32), single).fixed(4),

	// Comparisons.
	"And":            row(compared, bools),
	"Equal":          row(compared, all),
	"Greater":        row(compared, numbers),
	"GreaterOrEqual": row(compared, numbers),
	"IsInf":          row(sameAs(Bool), wide),
	"IsNaN":          row(sameAs(Bool), floats),
	"Less":           row(compared, numbers),
	"LessOrEqual":    row(compared, numbers),
	"Not":            row(same, bools),
	"Or":             row(compared, bools),
	"Where":          row(where, bools, plain),
	"Xor":            row(compared, bools),

	// Sums and the like over axes.
	"ArgMax":          row(reduced(Int64), numbers),
	"ArgMin":          row(reduced(Int64), numbers),
	"ReduceL1":        row(reduced(0), wide, shape).fixed(1),
	"ReduceL2":        row(reduced(0), wide, shape).fixed(1),
	"ReduceLogSumExp": row(reduced(0), wide, shape).fixed(1),
	"ReduceMax":       row(reduced(0), numbers, shape).fixed(1),
	"ReduceMean":      row(reduced(0), wide, shape).fixed(1),
	"ReduceMin":       row(reduced(0), numbers, shape).fixed(1),
	"ReduceProd":      row(reduced(0), wide, shape).fixed(1).selecting(),
	"ReduceSum":       row(reduced(0), numbers, shape).fixed(1),
	"ReduceSumSquare": row(reduced(0), wide, shape).fixed(1),

	// Shapes and places.
	"Cast":            row(cast, all).selecting(),
	"Concat":          row(concat, all).selecting(),
	"Constant":        row(constant, 0),
	"ConstantOfShape": row(filled, shape).sized(0).selecting(),
	"Expand":          row(likeFirst, plain, shape).sized(1).selecting(),
	"Flatten":         row(flatten, all).selecting(),
	"GatherElements":  row(likeSecond, plain, integers),
	"OneHot":          row(oneHot, integers|wide, integers|wide, plain).fixed(1, 2),
	"Pad":             row(likeFirst, numbers, shape, numbers, integers).fixed(1, 3),
	"Tile":            row(likeFirst, plain, shape).fixed(1),
	"TopK":            row(top, numbers, shape).fixed(1),
	"Gather":          row(gather, all, integers).selecting(),
	"Identity":        row(handedOn, all).selecting(),
	"Reshape":         row(reshape, all, shape).sized(1).selecting(),
	"Shape":           row(measured, all).measuring(),
	"Size":            row(counted, all).measuring(),
	"Slice":           row(slice, plain, integers).fixed(1, 2, 3, 4).selecting(),
	"Split":           row(split, plain, shape).fixed(1).selecting(),
	"Squeeze":         row(squeeze, all, shape).fixed(1).selecting(),
	"Transpose":       row(transpose, all).selecting(),
	"Unsqueeze":       row(unsqueeze, all, shape).fixed(1).selecting(),

	// Quantization.
	"DequantizeLinear":      row(withElem(1, Float32), bytes8|setOf(Int32), single, bytes8|setOf(Int32)).fixed(1, 2),
	"DynamicQuantizeLinear": row(dynamicallyQuantized, single),
	"MatMulInteger":         row(matMulInteger, bytes8).fixed(3),
	"QLinearMatMul":         row(quantizedMatMul, bytes8, single, bytes8, bytes8, single, bytes8, single, bytes8).fixed(1, 2, 4, 5, 6, 7),
	"QuantizeLinear":        row(withElem(2, uint8s), single, single, bytes8).fixed(1, 2),

	// Classic models.
	"ai.onnx.ml:ArrayFeatureExtractor":  row(features, all, shape),
	"ai.onnx.ml:Binarizer":              row(same, single),
	"ai.onnx.ml:CategoryMapper":         row(mapped, strings_|shape),
	"ai.onnx.ml:FeatureVectorizer":      row(joined, wide|integers),
	"ai.onnx.ml:Imputer":                row(same, single|shape),
	"ai.onnx.ml:LabelEncoder":           row(encoded, strings_|shape|wide),
	"ai.onnx.ml:LinearClassifier":       row(linearClassifier, wide|integers),
	"ai.onnx.ml:LinearRegressor":        row(linearRegressor, single),
	"ai.onnx.ml:Normalizer":             row(sameAs(Float32), wide|integers),
	"ai.onnx.ml:OneHotEncoder":          row(oneHotEncoded, strings_|wide|integers),
	"ai.onnx.ml:Scaler":                 row(sameAs(Float32), wide|integers),
	"ai.onnx.ml:SVMClassifier":          row(svmClassifier, wide|integers),
	"ai.onnx.ml:SVMRegressor":           row(svmRegressor, single),
	"ai.onnx.ml:TreeEnsembleClassifier": row(treeClassifier, wide|integers),
	"ai.onnx.ml:TreeEnsembleRegressor":  row(treeRegressor, wide|integers),
	"ai.onnx.ml:ZipMap":                 row(zipped, single),
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
