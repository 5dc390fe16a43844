package scoring

// readValue reads a ValueInfoProto.
func readValue(b []byte) (Value, error) {
	var v Value
	for f, err := range fields(b) {
		if err != nil {
			return v, noProtobuf(err)
		}
		switch f.number {
		case 1:
			if len(f.bytes) > maxName {
				return v, bad("an input or output has a name longer than %d bytes", maxName)
			}
			v.Name = string(f.bytes)
		case 2:
			if err := v.readType(f.bytes); err != nil {
				return v, err
			}
		}
	}
	return v, nil
}

// readType reads a TypeProto: a tensor, or a sequence of maps to tensors.
func (v *Value) readType(b []byte) error {
	for f, err := range fields(b) {
		if err != nil {
			return noProtobuf(err)
		}
		switch f.number {
		case 1:
			v.Kind = Tensor
			err = v.readTensorType(f.bytes)
		case 4:
			err = v.readSequence(f.bytes)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *Value) readTensorType(b []byte) error {
	for f, err := range fields(b) {
		if err != nil {
			return noProtobuf(err)
		}
		switch f.number {
		case 1:
			v.Elem = Elem(f.varint)
		case 2:
			if v.Dims, err = readShape(f.bytes); err != nil {
				return err
			}
		}
	}
	return nil
}

// readSequence reads a TypeProto.Sequence. Only sequences of maps matter.
func (v *Value) readSequence(b []byte) error {
	for f, err := range fields(b) {
		if err != nil {
			return noProtobuf(err)
		}
		if f.number != 1 {
			continue
		}
		for element, err := range fields(f.bytes) {
			if err != nil {
				return noProtobuf(err)
			}
			if element.number != 5 {
				continue
			}
			if err := v.readMap(element.bytes); err != nil {
				return err
			}
		}
	}
	return nil
}

// readMap reads a TypeProto.Map.
func (v *Value) readMap(b []byte) error {
	v.Kind = SequenceOfMaps
	for f, err := range fields(b) {
		if err != nil {
			return noProtobuf(err)
		}
		switch f.number {
		case 1:
			v.Key = Elem(f.varint)
		case 2:
			if err := v.readMapValue(f.bytes); err != nil {
				return err
			}
		}
	}
	return nil
}

// readMapValue reads the TypeProto of a map's values, which are tensors. It goes no
// deeper, because types may be nested without limit.
func (v *Value) readMapValue(b []byte) error {
	for f, err := range fields(b) {
		if err != nil {
			return noProtobuf(err)
		}
		if f.number != 1 {
			continue
		}
		if err := v.readTensorType(f.bytes); err != nil {
			return err
		}
	}
	return nil
}

func readShape(b []byte) ([]Dim, error) {
	dims := []Dim{}
	for f, err := range fields(b) {
		if err != nil {
			return nil, noProtobuf(err)
		}
		if f.number != 1 {
			continue
		}
		if len(dims) == maxDims {
			return nil, bad("an input or output has more than %d dimensions", maxDims)
		}
		d := Dim{Size: AnySize}
		for part, err := range fields(f.bytes) {
			if err != nil {
				return nil, noProtobuf(err)
			}
			switch part.number {
			case 1:
				d.Size = int64(part.varint)
			case 2:
				d.Name = printable(string(part.bytes))
			}
		}
		if d.Size < AnySize {
			return nil, bad("an input or output has the dimension %d", d.Size)
		}
		dims = append(dims, d)
	}
	return dims, nil
}
