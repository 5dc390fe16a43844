package scoring

import (
	"fmt"
	"slices"

	"larder/schema"
)

// The rules of operators of ai.onnx.ml. Their kernels compare few of their attributes with
// each other and with their input, so the rules do.

// textsFit says which attribute holds a text that is too long to be copied.
func (c *call) textsFit(names ...string) string {
	for _, name := range names {
		a := c.attrs[name]
		for _, text := range append(a.texts, a.text) {
			if len(text) > maxText {
				return fmt.Sprintf("its attribute %s holds a text of %d bytes (limit %d)", name, len(text), maxText)
			}
		}
	}
	return ""
}

// encoded makes what LabelEncoder makes.
func encoded(c *call) ([]fact, string) {
	if why := c.textsFit("values_strings", "default_string", "classes_strings"); why != "" {
		return nil, why
	}
	has := func(name string) bool { _, given := c.attrs[name]; return given }
	elem := Elem(0)
	switch {
	case has("values_strings"):
		elem = String
	case has("values_int64s"):
		elem = Int64
	case has("values_floats"):
		elem = Float32
	case has("values_tensor"):
		elem = readFact(c.attrs["values_tensor"].tensor).elem
	case has("classes_strings") && c.in[0].elem == String:
		elem = Int64
	case has("classes_strings"):
		elem = String
	default:
		return nil, "it has no values"
	}
	return []fact{c.in[0].with(elem)}, ""
}

// mapped makes what CategoryMapper makes.
func mapped(c *call) ([]fact, string) {
	if why := c.textsFit("cats_strings", "default_string"); why != "" {
		return nil, why
	}
	if c.in[0].elem == String {
		return []fact{c.in[0].with(Int64)}, ""
	}
	return []fact{c.in[0].with(String)}, ""
}

// oneHotEncoded makes what OneHotEncoder makes.
func oneHotEncoded(c *call) ([]fact, string) {
	out := c.in[0].with(Float32)
	if out.dims != nil {
		out.dims = append(slices.Clone(out.dims), int64(len(c.attrs["cats_int64s"].ints)+len(c.attrs["cats_strings"].texts)))
	}
	return []fact{out}, ""
}

// joined makes what FeatureVectorizer makes.
func joined(c *call) ([]fact, string) {
	widths := c.attrs["inputdimensions"].ints
	if len(widths) != len(c.in) {
		return nil, "it has not one of inputdimensions for each input"
	}
	sum := int64(0)
	for i := range c.in {
		width, ok := c.in[i].columns()
		if !ok || width != widths[i] {
			return nil, "its inputdimensions are not those of its inputs"
		}
		sum += width
	}
	return []fact{{elem: Float32, dims: []int64{-1, sum}}}, ""
}

// width returns how many columns the first input has.
func (c *call) width() (int64, string) {
	width, ok := c.in[0].columns()
	if !ok {
		return 0, "how many columns its input has is not known"
	}
	return width, ""
}

// labelFact returns the type of a classifier's labels, and how many they are.
func (c *call) labelFact(ints string) (fact, int, string) {
	if why := c.textsFit("classlabels_strings"); why != "" {
		return fact{}, 0, why
	}
	texts, numbers := c.attrs["classlabels_strings"].texts, c.attrs[ints].ints
	switch {
	case len(texts)+len(numbers) > schema.MaxFeatures, len(texts)+len(numbers) < 2:
		// Some values would make ONNX Runtime read the second of one class.
		return fact{}, 0, fmt.Sprintf("it has %d classes", len(texts)+len(numbers))
	case len(texts) > 0 && len(numbers) == 0:
		return fact{elem: String, dims: []int64{-1}}, len(texts), ""
	case len(numbers) > 0 && len(texts) == 0:
		return fact{elem: Int64, dims: []int64{-1}}, len(numbers), ""
	}
	return fact{}, 0, "it has not one list of classes"
}

func linearClassifier(c *call) ([]fact, string) {
	label, classes, why := c.labelFact("classlabels_ints")
	if why != "" {
		return nil, why
	}
	width, why := c.width()
	if why != "" {
		return nil, why
	}
	rows := int64(len(c.attrs["intercepts"].floats))
	if int64(len(c.attrs["coefficients"].floats)) != rows*width || rows < 1 {
		return nil, "its coefficients are not one for each column and intercept"
	}
	if rows != int64(classes) && (rows != 1 || classes != 2) {
		return nil, "its intercepts are not one for each class"
	}
	return []fact{label, {elem: Float32, dims: []int64{-1, int64(classes)}}}, ""
}

func linearRegressor(c *call) ([]fact, string) {
	width, why := c.width()
	if why != "" {
		return nil, why
	}
	targets := c.integer("targets", 1)
	if n := int64(len(c.attrs["intercepts"].floats)); n != 0 && n != targets {
		return nil, "its intercepts are not one for each target"
	}
	if n := int64(len(c.attrs["coefficients"].floats)); targets < 1 || targets > n || n != targets*width {
		return nil, "its coefficients are not one for each column and target"
	}
	return []fact{{elem: Float32, dims: []int64{-1, targets}}}, ""
}

// maxMapped bounds the classes of a ZipMap, because the limit of memory doesn't count maps.
const maxMapped = 1000

// zipped makes the maps of ZipMap, which no operator on the list takes.
func zipped(c *call) ([]fact, string) {
	if why := c.textsFit("classlabels_strings"); why != "" {
		return nil, why
	}
	width, why := c.width()
	if why != "" {
		return nil, why
	}
	if n := len(c.attrs["classlabels_strings"].texts) + len(c.attrs["classlabels_int64s"].ints); int64(n) != width || n > maxMapped {
		return nil, "its classes are not one for each column"
	}
	return []fact{{}}, ""
}

func svmClassifier(c *call) ([]fact, string) {
	label, classes, why := c.labelFact("classlabels_ints")
	if why != "" {
		return nil, why
	}
	width, why := c.width()
	if why != "" {
		return nil, why
	}
	vectors, perClass := int64(0), c.attrs["vectors_per_class"].ints
	for _, n := range perClass {
		if n < 0 || n > MaxModelBytes {
			return nil, "it has no count of vectors for each class"
		}
		vectors += n
	}
	pairs := classes * (classes - 1) / 2
	probabilities := len(c.attrs["prob_a"].floats)
	switch {
	case len(perClass) != classes || vectors == 0:
		return nil, "it has no count of vectors for each class"
	case int64(len(c.attrs["support_vectors"].floats)) != vectors*width:
		return nil, "its vectors don't have a value for each column"
	case int64(len(c.attrs["coefficients"].floats)) != vectors*int64(classes-1):
		return nil, "its coefficients are not one for each vector and other class"
	case len(c.attrs["rho"].floats) != pairs || len(c.attrs["kernel_params"].floats) != 3:
		return nil, "it has not one rho for each pair of classes, or not three kernel_params"
	case probabilities != len(c.attrs["prob_b"].floats) || probabilities != 0 && probabilities != pairs:
		return nil, "its prob_a and prob_b are not one for each pair of classes"
	case probabilities == 0:
		return []fact{label, {elem: Float32}}, ""
	}
	return []fact{label, {elem: Float32, dims: []int64{-1, int64(classes)}}}, ""
}

func svmRegressor(c *call) ([]fact, string) {
	width, why := c.width()
	if why != "" {
		return nil, why
	}
	vectors := int64(len(c.attrs["coefficients"].floats))
	switch {
	case vectors == 0 || c.integer("n_supports", 0) != vectors:
		return nil, "its coefficients are not one for each vector"
	case int64(len(c.attrs["support_vectors"].floats)) != vectors*width:
		return nil, "its vectors don't have a value for each column"
	case len(c.attrs["rho"].floats) != 1 || len(c.attrs["kernel_params"].floats) != 3:
		return nil, "it has not one rho and three kernel_params"
	}
	return []fact{{elem: Float32, dims: []int64{-1, 1}}}, ""
}
