package scoring

import (
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// The numbers of the fields on the way to a tensor's external data, in onnx.proto:
// ModelProto.graph, GraphProto.initializer, and of TensorProto raw_data, external_data
// and data_location.
const (
	modelGraph       = 7
	graphInitializer = 5
	tensorRaw        = 9
	tensorExternal   = 13
	tensorLocation   = 14
)

// Inline returns a model whose weights are in it, of one whose weights may lie in
// files beside it, as onnx.save writes them with save_as_external_data. read returns
// such a file; it decides which names it knows. Only initializers of the main graph are
// moved, which is all that onnx.save moves out: what else is external is refused when
// the model is inspected.
func Inline(model []byte, read func(name string) ([]byte, error)) ([]byte, error) {
	in := inliner{read: read, files: map[string][]byte{}, left: MaxModelBytes}
	return rewrite(model, modelGraph, func(graph []byte) ([]byte, error) {
		return rewrite(graph, graphInitializer, in.tensor)
	})
}

// An inliner puts external data into tensors.
type inliner struct {
	read  func(name string) ([]byte, error)
	files map[string][]byte // that were read
	held  int               // bytes of these
	left  int               // that may be put in still
}

// rewrite returns a message in which each field of a number, which holds a message, is
// another; the message itself where none is.
func rewrite(message []byte, number protowire.Number, change func([]byte) ([]byte, error)) ([]byte, error) {
	var out []byte
	same := 0 // bytes of message that out has not yet
	for at := 0; at < len(message); {
		field, kind, n := protowire.ConsumeField(message[at:])
		if n < 0 {
			return nil, noProtobuf(protowire.ParseError(n))
		}
		begins := at
		at += n
		if field != number || kind != protowire.BytesType {
			continue
		}
		_, _, tag := protowire.ConsumeTag(message[begins:])
		before, _ := protowire.ConsumeBytes(message[begins+tag:])
		after, err := change(before)
		if err != nil {
			return nil, err
		}
		if len(after) == len(before) && (len(after) == 0 || &after[0] == &before[0]) {
			continue
		}
		out = append(out, message[same:begins]...)
		out = protowire.AppendBytes(protowire.AppendTag(out, number, protowire.BytesType), after)
		same = at
	}
	if same == 0 {
		return message, nil
	}
	return append(out, message[same:]...), nil
}

// A place is where external data lies.
type place struct {
	file           string
	offset, length int // length is -1 for all to the end
}

// tensor returns a TensorProto with its data in it.
func (in *inliner) tensor(b []byte) ([]byte, error) {
	external, at, name := false, place{length: -1}, ""
	var kept []byte
	for f, err := range fields(b) {
		if err != nil {
			return nil, noProtobuf(err)
		}
		switch f.number {
		case tensorExternal:
			if err := at.read(f.bytes); err != nil {
				return nil, err
			}
		case tensorLocation:
			external = f.varint == 1
		case 8:
			name = printable(string(f.bytes[:min(len(f.bytes), maxName)]))
		}
	}
	if !external {
		return b, nil
	}
	data, err := in.data(name, at)
	if err != nil {
		return nil, err
	}
	for rest := b; len(rest) > 0; {
		number, _, n := protowire.ConsumeField(rest)
		if number != tensorExternal && number != tensorLocation && number != tensorRaw {
			kept = append(kept, rest[:n]...)
		}
		rest = rest[n:]
	}
	return protowire.AppendBytes(protowire.AppendTag(kept, tensorRaw, protowire.BytesType), data), nil
}

// read takes one StringStringEntryProto: of the keys that there are, the checksum is
// left out.
func (p *place) read(entry []byte) error {
	var key, value string
	for f, err := range fields(entry) {
		switch {
		case err != nil:
			return noProtobuf(err)
		case f.number == 1:
			key = string(f.bytes)
		case f.number == 2:
			value = string(f.bytes)
		}
	}
	var err error
	switch key {
	case "location":
		p.file = value
	case "offset":
		p.offset, err = strconv.Atoi(value)
	case "length":
		p.length, err = strconv.Atoi(value)
	}
	if err != nil || p.offset < 0 || p.length < -1 {
		return bad("a tensor's external data has the %s %.40q, which is no number of bytes", key, value)
	}
	return nil
}

// data returns external data, as far as there is room for it.
func (in *inliner) data(tensor string, p place) ([]byte, error) {
	file, known := in.files[p.file]
	if !known {
		var err error
		if file, err = in.read(p.file); err != nil {
			return nil, err
		}
		if in.held += len(file); in.held > MaxModelBytes {
			return nil, bad("the files beside the model have more than %d bytes", MaxModelBytes)
		}
		in.files[p.file] = file
	}
	if p.length < 0 {
		p.length = max(0, len(file)-p.offset)
	}
	if p.offset > len(file) || p.length > len(file)-p.offset {
		return nil, bad("tensor %q has %d bytes from byte %d of %.200q, which has %d", tensor, p.length, p.offset, p.file, len(file))
	}
	if in.left -= p.length; in.left < 0 {
		return nil, bad("the model has more than %d bytes with the weights that lie beside it", MaxModelBytes)
	}
	return slices.Clip(file[p.offset : p.offset+p.length]), nil
}
