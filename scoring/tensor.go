package scoring

// tensor checks one TensorProto: that its data is in the file, and that it is as
// large as its dimensions say, so that ONNX Runtime never makes room for more
// than the file holds.
func (in *inspector) tensor(b []byte, where string, facts *graphFacts) error {
	t, err := in.readTensor(b)
	if err != nil {
		return err
	}
	if t.name != "" {
		where = "tensor \"" + printable(t.name) + "\""
	}
	if t.external {
		return bad("%s keeps its data in another file; save the model in one file (onnx.save with save_as_external_data=False)", where)
	}
	elements, ok := product(t.dims, MaxModelBytes)
	if !ok {
		return bad("%s has the dimensions %v; a tensor has at most %d elements and no negative dimension", where, t.dims, MaxModelBytes)
	}
	if size := int64(t.elem.size()); size > 0 && t.raw >= 0 && int64(t.raw) != elements*size {
		return bad("%s has the dimensions %v of %s, which take %d bytes, but %d bytes of data", where, t.dims, t.elem, elements*size, t.raw)
	}
	// In any packing, an element takes at least half a byte.
	if elements > 2*int64(len(b)) {
		return bad("%s has the dimensions %v, but only %d bytes", where, t.dims, len(b))
	}
	if facts != nil {
		if _, twice := facts.initializers[t.name]; twice {
			facts.repeated = t.name
		}
		facts.initializers[t.name] = b
	}
	return nil
}

// sparse checks one SparseTensorProto. ONNX Runtime makes it dense.
func (in *inspector) sparse(b []byte, where string, facts *graphFacts) error {
	in.sparseTensors = true
	var dims []int64
	for f, err := range fields(b) {
		if err != nil {
			return noProtobuf(err)
		}
		switch f.number {
		case 1:
			err = in.tensor(f.bytes, where, facts)
		case 2:
			err = in.tensor(f.bytes, where, nil)
		case 3:
			dims, err = appendDims(dims, f)
		}
		if err != nil {
			return err
		}
	}
	const largestElement = 16
	if _, ok := product(dims, MaxModelBytes/largestElement); !ok {
		return bad("%s holds a sparse tensor of the dimensions %v, which is too large once it is made dense", where, dims)
	}
	return nil
}

// A tensorFacts holds the parts of a TensorProto that are checked.
type tensorFacts struct {
	name     string
	elem     Elem
	dims     []int64
	raw      int // bytes of raw data; -1 when the values are listed
	external bool
}

func (in *inspector) readTensor(b []byte) (tensorFacts, error) {
	t := tensorFacts{raw: -1}
	if in.tensors++; in.tensors > maxTensors {
		return t, bad("the model has more than %d tensors", maxTensors)
	}
	for f, err := range fields(b) {
		if err != nil {
			return t, noProtobuf(err)
		}
		switch f.number {
		case 1:
			if t.dims, err = appendDims(t.dims, f); err != nil {
				return t, err
			}
		case 2:
			t.elem = Elem(f.varint)
		case 8:
			if len(f.bytes) > maxName {
				return t, bad("a tensor's name is longer than %d bytes", maxName)
			}
			t.name = string(f.bytes)
		case 9:
			t.raw = len(f.bytes)
		case 13:
			t.external = true
		case 14:
			t.external = t.external || f.varint != 0
		}
	}
	return t, nil
}

func appendDims(dims []int64, f field) ([]int64, error) {
	for d, err := range f.ints() {
		if err != nil {
			return nil, noProtobuf(err)
		}
		if len(dims) == maxDims {
			return nil, bad("a tensor has more than %d dimensions", maxDims)
		}
		dims = append(dims, d)
	}
	return dims, nil
}
