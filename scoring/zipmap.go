package scoring

import "google.golang.org/protobuf/encoding/protowire"

// unzip returns a copy of a model whose output named output, a sequence of maps,
// is replaced by the tensor source that a ZipMap makes it from. The tensor holds
// the same probabilities, class by class in the order of its labels, without an
// allocation for each row and class. The model must have passed Inspect.
func unzip(model []byte, output, source string, elem Elem) []byte {
	var out []byte
	eachRaw(model, func(number protowire.Number, raw, value []byte) {
		if number != 7 {
			out = append(out, raw...)
			return
		}
		graph := make([]byte, 0, len(value))
		declared := false
		eachRaw(value, func(number protowire.Number, raw, value []byte) {
			switch {
			case number == 1 && makes(value, output):
			case number == 12 && valueName(value) == output:
				if !declared {
					graph = appendMessage(graph, 12, tensorValue(source, elem))
				}
				declared = true
			case number == 12 && valueName(value) == source:
				if !declared {
					graph = append(graph, raw...)
				}
				declared = true
			default:
				graph = append(graph, raw...)
			}
		})
		out = appendMessage(out, 7, graph)
	})
	return out
}

// eachRaw calls visit with each field of a message that Inspect has read: all of
// its bytes, and its value if that is bytes.
func eachRaw(message []byte, visit func(number protowire.Number, raw, value []byte)) {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		size := protowire.ConsumeFieldValue(number, kind, message[n:])
		var value []byte
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(message[n:])
		}
		visit(number, message[:n+size], value)
		message = message[n+size:]
	}
}

func makes(node []byte, output string) bool {
	n, err := readNode(node)
	return err == nil && len(n.out) == 1 && n.out[0] == output
}

func valueName(value []byte) string {
	v, _ := readValue(value)
	return v.Name
}

// tensorValue returns the ValueInfoProto of a tensor of unknown shape.
func tensorValue(name string, elem Elem) []byte {
	tensor := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(elem))
	value := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), name)
	return appendMessage(value, 2, appendMessage(nil, 1, tensor))
}

func appendMessage(b []byte, number protowire.Number, message []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), message)
}
