package scoring

import (
	"cmp"
	"fmt"
	"slices"
)

// The rules say what an operator makes: the types of its outputs, their dimensions as far
// as they are known, and how many copies of texts they hold. A rule says why a call is not
// on the list where types alone don't tell.

// same makes one output of the type and the dimensions of the first input.
func same(c *call) ([]fact, string) {
	return []fact{c.in[0].with(c.in[0].elem)}, ""
}

// handedOn makes the first input.
func handedOn(c *call) ([]fact, string) { return []fact{c.in[0]}, "" }

// reduced makes one output of a type, or of that of the first input, with fewer or shorter
// dimensions.
func reduced(e Elem) func(*call) ([]fact, string) {
	return func(c *call) ([]fact, string) {
		out := fact{elem: cmp.Or(e, c.in[0].elem)}
		axes := c.axes(1)
		if a, given := c.attrs["axis"]; given {
			axes = []int64{a.integer}
		} else if e != 0 {
			axes = []int64{0}
		}
		if c.in[0].dims == nil || len(axes) == 0 {
			return []fact{out}, ""
		}
		gone := map[int]bool{}
		for _, axis := range axes {
			at, ok := c.in[0].axis(axis)
			if !ok {
				return nil, "an axis is outside of its input"
			}
			gone[at] = true
		}
		out.dims = []int64{}
		for i, d := range c.in[0].dims {
			switch {
			case !gone[i]:
				out.dims = append(out.dims, d)
			case c.integer("keepdims", 1) != 0:
				out.dims = append(out.dims, 1)
			}
		}
		return []fact{out}, ""
	}
}

// likeFirst makes one output of the type of the first input, of unknown dimensions.
func likeFirst(c *call) ([]fact, string) {
	return []fact{{elem: c.in[0].elem}}, ""
}

// stretched makes one output of the type of the first input from tensors that are
// stretched to each other.
func stretched(c *call) ([]fact, string) {
	return []fact{{elem: c.in[0].elem, dims: broadcast(c.in...)}}, ""
}

// compared is stretched with an output of bools.
func compared(c *call) ([]fact, string) {
	return []fact{{elem: Bool, dims: broadcast(c.in...)}}, ""
}

// sameAs makes one output of certain type and the dimensions of the first input.
func sameAs(e Elem) func(*call) ([]fact, string) {
	return func(c *call) ([]fact, string) { return []fact{c.in[0].with(e)}, "" }
}

// severalLikeFirst makes outputs of the type of the first input, the first with its
// dimensions.
func severalLikeFirst(c *call) ([]fact, string) {
	out := make([]fact, len(c.out))
	for i := range out {
		out[i].elem = c.in[0].elem
	}
	out[0].dims = c.in[0].dims
	return out, ""
}

// divided refuses integers unless the divisor is known: a division by 0 ends the process.
func divided(c *call) ([]fact, string) {
	if floats.has(c.in[0].elem) {
		return stretched(c)
	}
	by := c.input(1)
	if len(by.ints) == 0 || slices.Contains(by.ints, 0) || slices.Contains(by.ints, -1) {
		return nil, "it divides integers by a number that may be 0 or -1"
	}
	return stretched(c)
}

// input returns what is known of an input, which may be left out.
func (c *call) input(i int) fact {
	if i >= len(c.in) {
		return fact{}
	}
	return c.in[i]
}

// given reports whether an attribute is there, and returns its integer.
func (c *call) integer(name string, byDefault int64) int64 {
	if a, given := c.attrs[name]; given {
		return a.integer
	}
	return byDefault
}

// axes returns axes that older versions of ONNX have as an attribute, and newer ones as an
// input. They are nil where they aren't known.
func (c *call) axes(input int) []int64 {
	if a, given := c.attrs["axes"]; given {
		return a.ints
	}
	return c.input(input).ints
}

func cast(c *call) ([]fact, string) {
	to := Elem(c.integer("to", 0))
	if !castable.has(to) {
		return nil, fmt.Sprintf("it makes %s", to)
	}
	out := c.in[0].with(to)
	switch {
	case to == String:
		out.copies = c.in[0].copies
	case integers.has(to) && integers.has(c.in[0].elem):
		out.ints = c.in[0].ints
		if to == Int32 && slices.ContainsFunc(out.ints, func(v int64) bool { return int64(int32(v)) != v }) {
			out.ints = nil
		}
	}
	return []fact{out}, ""
}

func where(c *call) ([]fact, string) {
	return []fact{{elem: c.input(1).elem, dims: broadcast(c.in...)}}, ""
}

// constant makes what is in an attribute.
func constant(c *call) ([]fact, string) {
	if len(c.attrs) != 1 {
		return nil, "it has several values"
	}
	for name, a := range c.attrs {
		switch name {
		case "value":
			if f := readFact(a.tensor); f.elem != 0 && a.tensors == 1 {
				return []fact{f}, ""
			}
		case "value_int":
			return []fact{{elem: Int64, dims: []int64{}, ints: []int64{a.integer}}}, ""
		case "value_ints":
			return []fact{{elem: Int64, dims: []int64{int64(len(a.ints))}, ints: a.ints}}, ""
		case "value_float":
			return []fact{{elem: Float32, dims: []int64{}}}, ""
		case "value_floats":
			return []fact{{elem: Float32, dims: []int64{int64(len(a.floats))}}}, ""
		}
	}
	return nil, fmt.Sprintf("its value is not a number or a tensor of texts up to %d bytes", maxText)
}

// filled makes what ConstantOfShape makes.
func filled(c *call) ([]fact, string) {
	out := fact{elem: Float32, dims: unknown(c.in[0])}
	if len(c.in[0].ints) == len(out.dims) {
		copy(out.dims, c.in[0].ints)
	}
	if a, given := c.attrs["value"]; given {
		out.elem = readFact(a.tensor).elem
	}
	if !numbers.has(out.elem) && out.elem != Bool {
		return nil, fmt.Sprintf("it makes %s", out.elem)
	}
	return []fact{out}, ""
}

// unknown returns the dimensions of a tensor whose shape is in another one.
func unknown(shape fact) []int64 {
	if len(shape.dims) != 1 || shape.dims[0] < 0 || shape.dims[0] > maxDims {
		return nil
	}
	return slices.Repeat([]int64{-1}, int(shape.dims[0]))
}

func reshape(c *call) ([]fact, string) {
	out := c.in[0]
	to, ints := unknown(c.input(1)), c.input(1).ints
	if a, given := c.attrs["shape"]; given {
		to, ints = slices.Repeat([]int64{-1}, len(a.ints)), a.ints
	}
	for i := range to {
		switch {
		case i >= len(ints):
		case ints[i] > 0:
			to[i] = ints[i]
		case ints[i] == 0 && c.integer("allowzero", 0) != 0:
			to[i] = 0
		case ints[i] == 0 && i < len(out.dims):
			to[i] = out.dims[i]
		}
	}
	out.dims = to
	return []fact{out}, ""
}

func flatten(c *call) ([]fact, string) {
	out := c.in[0]
	out.dims = []int64{-1, -1}
	if in := c.in[0].dims; len(in) > 0 && c.integer("axis", 1) == 1 {
		if n, ok := product(in[1:], MaxModelBytes); ok {
			out.dims[1] = n
		}
	}
	return []fact{out}, ""
}

func squeeze(c *call) ([]fact, string) {
	out := c.in[0]
	axes := c.axes(1)
	in := c.in[0].dims
	out.dims = nil
	if in == nil || len(axes) == 0 {
		return []fact{out}, ""
	}
	gone := map[int]bool{}
	for _, axis := range axes {
		at, ok := c.in[0].axis(axis)
		if !ok {
			return nil, "an axis is outside of its input"
		}
		gone[at] = true
	}
	out.dims = []int64{}
	for i, d := range in {
		if !gone[i] {
			out.dims = append(out.dims, d)
		}
	}
	return []fact{out}, ""
}

func unsqueeze(c *call) ([]fact, string) {
	out := c.in[0]
	axes := c.axes(1)
	out.dims = nil
	if c.in[0].dims == nil || len(axes) == 0 || len(axes) > maxDims {
		return []fact{out}, ""
	}
	rank := len(c.in[0].dims) + len(axes)
	grown := slices.Repeat([]int64{0}, rank)
	for _, axis := range axes {
		if axis < 0 {
			axis += int64(rank)
		}
		if axis < 0 || axis >= int64(rank) {
			return nil, "an axis is outside of its output"
		}
		grown[axis] = 1
	}
	rest := c.in[0].dims
	for i := range grown {
		if grown[i] == 1 {
			continue
		}
		if len(rest) == 0 {
			return nil, "an axis is listed twice"
		}
		grown[i], rest = rest[0], rest[1:]
	}
	out.dims = grown
	return []fact{out}, ""
}

func transpose(c *call) ([]fact, string) {
	out := c.in[0]
	perm := c.attrs["perm"].ints
	in := c.in[0].dims
	out.dims, out.ints = nil, nil
	switch {
	case in == nil:
	case len(perm) == 0:
		out.dims = slices.Clone(in)
		slices.Reverse(out.dims)
	case len(perm) == len(in):
		for _, p := range perm {
			if p < 0 || p >= int64(len(in)) {
				return nil, "an axis is outside of its input"
			}
			out.dims = append(out.dims, in[p])
		}
	}
	return []fact{out}, ""
}

func concat(c *call) ([]fact, string) {
	out := fact{elem: c.in[0].elem}
	dims := slices.Clone(c.in[0].dims)
	at, ok := c.in[0].axis(c.integer("axis", 0))
	for i, f := range c.in {
		out.copies += f.copies
		if ok = ok && len(f.dims) == len(dims); !ok || i == 0 {
			continue
		}
		for j, d := range f.dims {
			switch {
			case j != at:
				dims[j] = max(dims[j], d)
			case d < 0 || dims[j] < 0:
				dims[j] = -1
			default:
				dims[j] += d
			}
		}
	}
	if ok {
		out.dims = dims
	}
	if all := c.allInts(); all != nil && len(out.dims) == 1 {
		out.ints = all
	}
	return []fact{out}, ""
}

// allInts returns the integers of all inputs, where all are known.
func (c *call) allInts() (all []int64) {
	for _, f := range c.in {
		if f.ints == nil {
			return nil
		}
		all = append(all, f.ints...)
	}
	return all
}

func split(c *call) ([]fact, string) {
	sizes := c.attrs["split"].ints
	if sizes == nil {
		sizes = c.input(1).ints
	}
	at, ok := c.in[0].axis(c.integer("axis", 0))
	out := make([]fact, len(c.out))
	for i := range out {
		out[i] = c.in[0]
		out[i].ints, out[i].dims = nil, nil
		if !ok {
			continue
		}
		out[i].dims = slices.Clone(c.in[0].dims)
		out[i].dims[at] = -1
		if len(sizes) == len(out) {
			out[i].dims[at] = sizes[i]
		}
	}
	return out, ""
}

func gather(c *call) ([]fact, string) {
	out := fact{elem: c.in[0].elem}
	indices := c.input(1)
	at, ok := c.in[0].axis(c.integer("axis", 0))
	if ok && indices.dims != nil {
		out.dims = slices.Concat(c.in[0].dims[:at], indices.dims, c.in[0].dims[at+1:])
	}
	return picked(c, out, at, ok)
}

// features makes what ArrayFeatureExtractor makes: some columns.
func features(c *call) ([]fact, string) {
	out := fact{elem: c.in[0].elem}
	last := len(c.in[0].dims) - 1
	if n, ok := c.input(1).size(); ok && last >= 1 {
		out.dims = slices.Concat(c.in[0].dims[:last], []int64{n})
	}
	return picked(c, out, last, last >= 0)
}

// picked counts the copies of texts that are picked along an axis.
func picked(c *call, out fact, axis int, known bool) ([]fact, string) {
	if c.in[0].copies == 0 {
		return []fact{out}, ""
	}
	n, ok := c.input(1).size()
	if !ok || c.input(1).from != fromFile {
		return nil, "which and how many texts it takes depends on the rows"
	}
	width := int64(1)
	if known && axis > 0 {
		width = max(1, c.in[0].dims[axis])
	}
	out.copies = (c.in[0].copies*min(n, MaxModelBytes) + width - 1) / width
	return []fact{out}, ""
}

func slice(c *call) ([]fact, string) {
	out := c.in[0]
	out.ints = nil
	out.dims = slices.Repeat([]int64{-1}, len(c.in[0].dims))
	if c.in[0].dims == nil {
		out.dims = nil
	}
	return []fact{out}, ""
}

func matMul(c *call) ([]fact, string) {
	return []fact{{elem: c.in[0].elem, dims: multiplied(c.in[0], c.input(1))}}, ""
}

func multiplied(a, b fact) []int64 {
	if len(a.dims) < 2 || len(b.dims) != 2 {
		return nil
	}
	return slices.Concat(a.dims[:len(a.dims)-1], b.dims[1:])
}

func gemm(c *call) ([]fact, string) {
	a, b := c.in[0].dims, c.input(1).dims
	if len(a) != 2 || len(b) != 2 {
		return likeFirst(c)
	}
	dims := []int64{a[0], b[1]}
	if c.integer("transA", 0) != 0 {
		dims[0] = a[1]
	}
	if c.integer("transB", 0) != 0 {
		dims[1] = b[0]
	}
	return []fact{{elem: c.in[0].elem, dims: dims}}, ""
}

// withElem makes one output of the type of an input, and of the dimensions of the first.
func withElem(input int, byDefault Elem) func(*call) ([]fact, string) {
	return func(c *call) ([]fact, string) {
		e := c.input(input).elem
		if e == 0 {
			e = byDefault
		}
		return []fact{c.in[0].with(e)}, ""
	}
}
