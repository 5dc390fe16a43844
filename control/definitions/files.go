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
	strict.DisallowUnknownFields() // a newer client may send fields that this server would silently drop
	if err := strict.Decode(defs); err != nil {
		return nil, schema.BadDefinitions.Errorf("cannot parse the definitions as JSON: %v", err)
	}
	defs.Qualify()
	if err := defs.ValidateFolder(); err != nil {
		return nil, schema.BadDefinitions.Errorf("%s", err)
	}
	return defs, nil
}

// ReadFiles reads the files of a folder of definitions. models maps the path of each
// model file to its SHA-256. Errors are the same as when reading the folder itself.
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
	return nil, schema.BadDefinitions.Errorf("%s", message)
}

// maxFaultBytes bounds the text about faults of definitions: gRPC sends an error in its
// headers, twice and escaped, and these can't be long.
const maxFaultBytes = 3 << 9

func firstFaults(faults definitions.Errors) string {
	var said strings.Builder
	for i, fault := range faults {
		line := fault.Error()
		if said.Len()+len(line) > maxFaultBytes && i > 0 {
			fmt.Fprintf(&said, "\nand %d more; fix these first", len(faults)-i)
			break
		}
		if i > 0 {
			said.WriteByte('\n')
		}
		said.WriteString(line)
	}
	return said.String()
}
