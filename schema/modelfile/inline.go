package modelfile

import (
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"larder/schema"
)

// The numbers of the fields on the way to a tensor's external data, in onnx.proto:
// ModelProto.graph, GraphProto.initializer, and of TensorProto name, raw_data, external_data
// and data_location.
const (
	modelGraph       = 7
	graphInitializer = 5
	tensorName       = 8
	tensorRaw        = 9
	tensorExternal   = 13
	tensorLocation   = 14
)

// Inline moves weights into the model from the files beside it, where onnx.save with
// save_as_external_data puts them. read returns such a file, or refuses its name.
// Inline moves only initializers of the main graph, which are all that onnx.save moves
// out. scoring.Inspect refuses any other external data.
func Inline(model []byte, read func(name string) ([]byte, error)) ([]byte, error) {
	in := inliner{read: read, files: map[string][]byte{}, left: MaxBytes}
	return rewrite(model, modelGraph, func(graph []byte) ([]byte, error) {
		return rewrite(graph, graphInitializer, in.tensor)
	})
}

// An inliner puts external data into tensors.
type inliner struct {
	read  func(name string) ([]byte, error)
	files map[string][]byte // the files read so far
	held  int               // bytes in files
	left  int               // bytes that may still be added
}

// rewrite returns a message in which change replaced each message in the field number.
// It returns message itself where nothing changed.
func rewrite(message []byte, number protowire.Number, change func([]byte) ([]byte, error)) ([]byte, error) {
	var out []byte
	same := 0 // where the bytes begin that are not in out yet
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
	offset, length int // a length of -1 means to the end
}

// tensor returns a TensorProto with its data in it.
func (in *inliner) tensor(b []byte) ([]byte, error) {
	external, at, name := false, place{length: -1}, ""
	var kept []byte
	err := eachField(b, func(number protowire.Number, varint uint64, bytes []byte) (err error) {
		switch number {
		case tensorExternal:
			err = at.read(bytes)
		case tensorLocation:
			external = varint == 1
		case tensorName:
			name = shown(bytes)
		}
		return err
	})
	if err != nil {
		return nil, err
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

// read reads one StringStringEntryProto. It ignores the key checksum.
func (p *place) read(entry []byte) error {
	var key, value string
	err := eachField(entry, func(number protowire.Number, _ uint64, bytes []byte) error {
		switch number {
		case 1:
			key = string(bytes)
		case 2:
			value = string(bytes)
		}
		return nil
	})
	if err != nil {
		return err
	}
	switch key {
	case "location":
		p.file = value
	case "offset":
		p.offset, err = strconv.Atoi(value)
	case "length":
		p.length, err = strconv.Atoi(value)
	}
	if err != nil || p.offset < 0 || p.length < -1 {
		return bad("a tensor's external data has the %s %.40q, which is not a number of bytes", key, value)
	}
	return nil
}

// data returns external data, within the size limit.
func (in *inliner) data(tensor string, p place) ([]byte, error) {
	file, known := in.files[p.file]
	if !known {
		var err error
		if file, err = in.read(p.file); err != nil {
			return nil, err
		}
		if in.held += len(file); in.held > MaxBytes {
			return nil, bad("the files beside the model have more than %d bytes", MaxBytes)
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
		return nil, bad("the model has more than %d bytes, including the weights in the files beside it", MaxBytes)
	}
	return slices.Clip(file[p.offset : p.offset+p.length]), nil
}

// eachField calls visit with the fields of a message: the value of a varint, or bytes.
func eachField(message []byte, visit func(number protowire.Number, varint uint64, bytes []byte) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return noProtobuf(protowire.ParseError(n))
		}
		message = message[n:]
		var varint uint64
		var bytes []byte
		switch kind {
		case protowire.VarintType:
			varint, n = protowire.ConsumeVarint(message)
		case protowire.BytesType:
			bytes, n = protowire.ConsumeBytes(message)
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return noProtobuf(protowire.ParseError(n))
		}
		message = message[n:]
		if err := visit(number, varint, bytes); err != nil {
			return err
		}
	}
	return nil
}

func bad(format string, args ...any) *schema.Error {
	return schema.BadModelFile.Errorf(format, args...)
}

func noProtobuf(err error) error {
	return schema.BadModelFile.Wrap(err, "the file is not an ONNX model, or only a part of one")
}

// shown shortens a name from a file for a message.
func shown(name []byte) string {
	const most = 80
	if len(name) > most {
		return strings.ToValidUTF8(string(name[:most]), "?") + "..."
	}
	return strings.ToValidUTF8(string(name), "?")
}
