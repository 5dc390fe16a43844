package inference

import (
	"encoding/binary"

	"larder/schema"
	"larder/scoring"
)

// Bounds of what is read from outside, beside the limit of a message.
const (
	maxTensors  = 2 * schema.MaxFeatures
	maxDims     = 16
	maxElements = 1 << 28
)

// checkShape returns how many elements a tensor of a shape has.
func checkShape(input string, shape []int64) (int, error) {
	if len(shape) == 0 || len(shape) > maxDims {
		return 0, badInput("input %q has %d dimensions; it may have 1 to %d", clip(input), len(shape), maxDims)
	}
	n, ok := scoring.Product(shape, maxElements)
	if !ok {
		return 0, badInput("input %q has the shape %v; a tensor has at most %d elements, and no negative dimension", clip(input), shape, maxElements)
	}
	return int(n), nil
}

// setRaw takes the elements of an array from raw contents, which it aliases.
func setRaw(a *scoring.Array, raw []byte) error {
	n, err := checkShape(a.Name, a.Dims)
	if err != nil {
		return err
	}
	if size := a.Elem.Size(); size > 0 {
		if len(raw) != n*size {
			return badInput("input %q has %d bytes of raw contents; the shape %v of %s takes %d", clip(a.Name), len(raw), a.Dims, a.Elem, n*size)
		}
		a.Data = raw
		return nil
	}
	a.Strings, err = readStrings(a.Name, raw, n)
	return err
}

// readStrings reads n elements of BYTES. Each takes four bytes at least, so that
// no room is made for more than were sent.
func readStrings(input string, raw []byte, n int) ([]string, error) {
	const prefix = 4
	if n > len(raw)/prefix {
		return nil, badInput("input %q has %d bytes of raw contents, too few for %d elements", clip(input), len(raw), n)
	}
	all := make([]string, 0, n)
	for range n {
		if len(raw) < prefix {
			return nil, badInput("input %q ends after %d of %d elements", clip(input), len(all), n)
		}
		size := binary.LittleEndian.Uint32(raw)
		raw = raw[prefix:]
		if uint64(size) > uint64(len(raw)) {
			return nil, badInput("input %q: element %d has %d bytes, but %d are left", clip(input), len(all), size, len(raw))
		}
		all = append(all, string(raw[:size]))
		raw = raw[size:]
	}
	if len(raw) > 0 {
		return nil, badInput("input %q has %d bytes after its %d elements", clip(input), len(raw), n)
	}
	return all, nil
}

// rawOf returns the raw contents of an array.
func rawOf(a *scoring.Array) []byte {
	if a.Elem != scoring.String {
		return a.Data
	}
	size := 0
	for _, s := range a.Strings {
		size += 4 + len(s)
	}
	raw := make([]byte, 0, size)
	for _, s := range a.Strings {
		raw = append(binary.LittleEndian.AppendUint32(raw, uint32(len(s))), s...)
	}
	return raw
}
