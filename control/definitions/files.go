package definitions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"larder/schema"
	"larder/schema/definitions"
)

// ReadJSON reads definitions that were sent as JSON.
func ReadJSON(raw []byte) (*schema.Definitions, error) {
	defs := new(schema.Definitions)
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields() // of a newer client's: what is left out would not be what was meant
	if err := strict.Decode(defs); err != nil {
		return nil, schema.Errorf(schema.Invalid, "BAD_DEFINITIONS", "the definitions can't be read: %v", err)
	}
	return defs, nil
}

// ReadFiles reads the files of a folder of definitions, whose model files have
// these SHA-256 by path, and says of a faulty one what reading the folder itself
// would.
func ReadFiles(files []definitions.File, models map[string]string) (*schema.Definitions, error) {
	defs, err := definitions.ParseFolder(files, models)
	if err == nil {
		return defs, nil
	}
	message := err.Error()
	var faults definitions.Errors
	if errors.As(err, &faults) {
		message = firstFaults(faults)
	}
	return nil, &schema.Error{Kind: schema.Invalid, Reason: "BAD_DEFINITIONS", Message: message}
}

// maxFaultBytes bounds what is said of the faults of definitions: an error of
// gRPC is a header, and those can't be long.
const maxFaultBytes = 6 << 10

func firstFaults(faults definitions.Errors) string {
	var said strings.Builder
	for i, fault := range faults {
		line := fault.Error()
		if said.Len()+len(line) > maxFaultBytes && i > 0 {
			fmt.Fprintf(&said, "\nand %d more; mend these first", len(faults)-i)
			break
		}
		if i > 0 {
			said.WriteByte('\n')
		}
		said.WriteString(line)
	}
	return said.String()
}
