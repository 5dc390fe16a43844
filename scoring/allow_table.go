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
	"Abs":        row("1", same, numbers),
	"Add":        row("1", stretched, numbers),
	"Ceil":       row("1", same, floats),
	"Clip":       row("1", same, numbers),
	"CumSum":     row("1", same, numbers, integers).fixed(1),
	"Div":        row("1", divided, numbers),
	"Erf":        row("1", same, single),
	"Exp":        row("1", same, floats),
	"Floor":      row("1", same, floats),
	"Log":        row("1", same, floats),
	"Max":        row("1", stretched, numbers),
	"Mean":       row("1", stretched, single),
	"Min":        row("1", stretched, numbers),
	"Mod":        row("1", divided, numbers),
	"Mul":        row("1", stretched, numbers).selecting(),
	"Neg":        row("1", same, numbers),
	"Pow":        row("1", stretched, wide),
	"Reciprocal": row("1", same, floats),
	"Round":      row("1", same, floats),
	"Sign":       row("1", same, numbers),
	"Sqrt":       row("1", same, floats),
	"Sub":        row("1", stretched, numbers),
	"Sum":        row("1", stretched, wide),
	"Sin":        row("1", same, wide),
	"Cos":        row("1", same, wide),

	// Activations.
	"Celu":            row("1", same, single),
	"Elu":             row("1", same, single),
	"Gelu":            row("1", same, single),
	"HardSigmoid":     row("1", same, single),
	"HardSwish":       row("1", same, single),
	"LeakyRelu":       row("1", same, floats),
	"LogSoftmax":      row("1", same, wide),
	"Mish":            row("1", same, single),
	"PRelu":           row("1", same, single),
	"Relu":            row("1", same, floats),
	"Selu":            row("1", same, single),
	"Sigmoid":         row("1", same, floats),
	"Softmax":         row("1", same, floats),
	"Softplus":        row("1", same, wide),
	"Softsign":        row("1", same, single),
	"Tanh":            row("1", same, floats),
	"ThresholdedRelu": row("1", same, single),

	// Layers.
	"BatchNormalization": row("1", severalLikeFirst, floats),
	"Dropout":            row("1", dropped, floats),
	"Gemm":               row("1", gemm, floats),
	"LayerNormalization": row("1", severalLikeFirst, floats),
	"LpNormalization":    row("1", same, wide),
	"RMSNormalization":   row("1", same, floats),
	"Einsum":             row("1", likeFirst, wide|integers),
	"MatMul":             row("1", matMul, numbers),

	// Recurrent layers.
	"GRU":  row("1", layers, single, single, single, single, setOf(Int32), single).fixed(4),
	"LSTM": row("1", layers, single, single, single, single, setOf(Int32), single).fixed(4),
	"RNN":  row("1", layers, single, single, single, single, setOf(Int32), single).fixed(4),

	// Comparisons.
	"And":            row("1", compared, bools),
	"Equal":          row("1", compared, all),
	"Greater":        row("1", compared, numbers),
	"GreaterOrEqual": row("1", compared, numbers),
	"IsInf":          row("1", sameAs(Bool), wide),
	"IsNaN":          row("1", sameAs(Bool), floats),
	"Less":           row("1", compared, numbers),
	"LessOrEqual":    row("1", compared, numbers),
	"Not":            row("1", same, bools),
	"Or":             row("1", compared, bools),
	"Where":          row("1", where, bools, plain),
	"Xor":            row("1", compared, bools),

	// Sums and the like over axes.
	"ArgMax":          row("1", reduced(Int64), numbers),
	"ArgMin":          row("1", reduced(Int64), numbers),
	"ReduceL1":        row("1", reduced(0), wide, shape).fixed(1),
	"ReduceL2":        row("1", reduced(0), wide, shape).fixed(1),
	"ReduceLogSumExp": row("1", reduced(0), wide, shape).fixed(1),
	"ReduceMax":       row("1", reduced(0), numbers, shape).fixed(1),
	"ReduceMean":      row("1", reduced(0), wide, shape).fixed(1),
	"ReduceMin":       row("1", reduced(0), numbers, shape).fixed(1),
	"ReduceProd":      row("1", reduced(0), wide, shape).fixed(1).selecting(),
	"ReduceSum":       row("1", reduced(0), numbers, shape).fixed(1),
	"ReduceSumSquare": row("1", reduced(0), wide, shape).fixed(1),

	// Shapes and places.
	"Cast":            row("1", cast, all).selecting(),
	"Concat":          row("1", concat, all).selecting(),
	"Constant":        row("1", constant, 0),
	"ConstantOfShape": row("1", filled, shape).sized(0).selecting(),
	"Expand":          row("1", likeFirst, plain, shape).sized(1).selecting(),
	"Flatten":         row("1", flatten, all).selecting(),
	"GatherElements":  row("1", likeSecond, plain, integers),
	"OneHot":          row("1", oneHot, integers|wide, integers|wide, plain).fixed(1, 2),
	"Pad":             row("1", likeFirst, numbers, shape, numbers, integers).fixed(1, 3),
	"Tile":            row("1", likeFirst, plain, shape).fixed(1),
	"TopK":            row("1", top, numbers, shape).fixed(1),
	"Gather":          row("1", gather, all, integers).selecting(),
	"Identity":        row("1", handedOn, all).selecting(),
	"Reshape":         row("1", reshape, all, shape).sized(1).selecting(),
	"Shape":           row("1", measured, all).measuring(),
	"Size":            row("1", counted, all).measuring(),
	"Slice":           row("1", slice, plain, integers).fixed(1, 2, 3, 4).selecting(),
	"Split":           row("1", split, plain, shape).fixed(1).selecting(),
	"Squeeze":         row("1", squeeze, all, shape).fixed(1).selecting(),
	"Transpose":       row("1", transpose, all).selecting(),
	"Unsqueeze":       row("1", unsqueeze, all, shape).fixed(1).selecting(),

	// Quantization.
	"DequantizeLinear":      row("1", withElem(1, Float32), bytes8|setOf(Int32), single, bytes8|setOf(Int32)).fixed(1, 2),
	"DynamicQuantizeLinear": row("1", dynamicallyQuantized, single),
	"MatMulInteger":         row("1", matMulInteger, bytes8).fixed(3),
	"QLinearMatMul":         row("1", quantizedMatMul, bytes8, single, bytes8, bytes8, single, bytes8, single, bytes8).fixed(1, 2, 4, 5, 6, 7),
	"QuantizeLinear":        row("1", withElem(2, uint8s), single, single, bytes8).fixed(1, 2),

	// Classic models.
	"ai.onnx.ml:ArrayFeatureExtractor":  row("1", features, all, shape),
	"ai.onnx.ml:Binarizer":              row("1", same, single),
	"ai.onnx.ml:CategoryMapper":         row("1", mapped, textual|shape),
	"ai.onnx.ml:FeatureVectorizer":      row("1", joined, wide|integers),
	"ai.onnx.ml:Imputer":                row("1", same, single|shape),
	"ai.onnx.ml:LabelEncoder":           row("1", encoded, textual|shape|wide),
	"ai.onnx.ml:LinearClassifier":       row("1", linearClassifier, wide|integers),
	"ai.onnx.ml:LinearRegressor":        row("1", linearRegressor, single),
	"ai.onnx.ml:Normalizer":             row("1", sameAs(Float32), wide|integers),
	"ai.onnx.ml:OneHotEncoder":          row("1", oneHotEncoded, textual|wide|integers),
	"ai.onnx.ml:Scaler":                 row("1", sameAs(Float32), wide|integers),
	"ai.onnx.ml:SVMClassifier":          row("1", svmClassifier, wide|integers),
	"ai.onnx.ml:SVMRegressor":           row("1", svmRegressor, single),
	"ai.onnx.ml:TreeEnsembleClassifier": row("1", treeClassifier, wide|integers),
	"ai.onnx.ml:TreeEnsembleRegressor":  row("1", treeRegressor, wide|integers),
	"ai.onnx.ml:ZipMap":                 row("1", zipped, single),
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

func oneHot(c *call) ([]fact, string) {
	depth, values := c.input(1), c.input(2)
	if n, ok := depth.size(); !ok || n != 1 || !slices.Equal(values.dims, []int64{2}) {
		return nil, "its depth is not one number, or its values are not two"
	}
	return []fact{{elem: values.elem}}, ""
}

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
