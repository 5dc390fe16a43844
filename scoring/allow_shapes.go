package scoring

import (
	"fmt"
	"slices"
)

// The rules of operators that change the shape of a tensor, or take parts of it.

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
	out.dims = nil
	if c.in[0].dims == nil || len(axes) == 0 {
		return []fact{out}, ""
	}
	var why string
	out.dims, why = c.in[0].without(axes, false)
	return []fact{out}, why
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
