package scoring

import (
	"encoding/binary"
	"slices"
)

// maxKnown is how many integers of a tensor are read.
const maxKnown = 4096

// maxText bounds the text of a constant that nodes copy, in bytes. The memory for longer
// ones would be far more than what ONNX Runtime counts.
const maxText = 64

// readFact reads a TensorProto that has passed Inspect.
func readFact(b []byte) fact {
	var f fact
	elements := int64(1)
	for field, err := range fields(b) {
		if err != nil {
			return fact{}
		}
		switch field.number {
		case 1:
			f.dims, _ = appendDims(f.dims, field)
		case 2:
			f.elem = Elem(field.varint)
		case 6:
			if len(field.bytes) > maxText {
				return fact{} // elem 0: no operator takes it
			}
		}
	}
	if f.dims == nil {
		f.dims = []int64{}
	}
	for _, d := range f.dims {
		elements *= d
	}
	if elements <= maxKnown && (f.elem == Int64 || f.elem == Int32) {
		f.ints = readInts(b, f.elem)
	}
	if int64(len(f.ints)) != elements {
		f.ints = nil
	}
	return f
}

// readInts reads the values of a TensorProto of int32 or int64.
func readInts(b []byte, elem Elem) (ints []int64) {
	for f, err := range fields(b) {
		if err != nil {
			return nil
		}
		switch {
		case f.number == 9 && elem == Int64:
			for raw := f.bytes; len(raw) >= 8; raw = raw[8:] {
				ints = append(ints, int64(binary.LittleEndian.Uint64(raw)))
			}
		case f.number == 9:
			for raw := f.bytes; len(raw) >= 4; raw = raw[4:] {
				ints = append(ints, int64(int32(binary.LittleEndian.Uint32(raw))))
			}
		case f.number == 5 && elem == Int32 || f.number == 7 && elem == Int64:
			for v, err := range f.ints() {
				if err != nil {
					return nil
				}
				ints = append(ints, v)
			}
		}
	}
	return ints
}

// size returns the number of elements of a tensor, and false where it isn't known.
func (f fact) size() (int64, bool) {
	if f.dims == nil {
		return 0, false
	}
	return product(f.dims, MaxModelBytes)
}

// columns returns the second of two dimensions, and false where it isn't known.
func (f fact) columns() (int64, bool) {
	if len(f.dims) != 2 || f.dims[1] < 0 {
		return 0, false
	}
	return f.dims[1], true
}

// axis turns an axis that may count from the end into one that counts from 0.
func (f fact) axis(axis int64) (int, bool) {
	if rank := int64(len(f.dims)); axis < 0 {
		axis += rank
	}
	return int(axis), f.dims != nil && axis >= 0 && axis < int64(len(f.dims))
}

// without returns the dimensions without those of some axes, or with 1 in their place. It
// says why there are none.
func (f fact) without(axes []int64, keep bool) (dims []int64, why string) {
	gone := map[int]bool{}
	for _, axis := range axes {
		at, ok := f.axis(axis)
		if !ok {
			return nil, "an axis is outside of its input"
		}
		gone[at] = true
	}
	dims = []int64{}
	for i, d := range f.dims {
		switch {
		case !gone[i]:
			dims = append(dims, d)
		case keep:
			dims = append(dims, 1)
		}
	}
	return dims, ""
}

// with returns a fact about a tensor of another type and the same dimensions.
func (f fact) with(e Elem) fact {
	return fact{elem: e, dims: f.dims}
}

// broadcast returns the dimensions of a result of tensors that are stretched to each
// other.
func broadcast(all ...fact) []int64 {
	var dims []int64
	for i, f := range all {
		switch {
		case f.elem == 0 && i > 0:
			continue // left out
		case f.dims == nil:
			return nil
		}
		if len(f.dims) > len(dims) {
			dims = slices.Concat(slices.Repeat([]int64{1}, len(f.dims)-len(dims)), dims)
		}
		for j, d := range f.dims {
			at := len(dims) - len(f.dims) + j
			if dims[at] == 1 || dims[at] < 0 && d != 1 {
				dims[at] = d
			}
		}
	}
	return dims
}
