package scoring

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"larder/schema"
)

// The keys of the metadata that a model file is stamped with.
const (
	stampService     = "larder.feature_service"
	stampFeatures    = "larder.features"
	stampFingerprint = "larder.fingerprint"
)

// A Stamp is what the ONNX metadata of a model file says about its training data. Each
// part may be missing.
type Stamp struct {
	Service     string   // the feature service
	Features    []string // its features, in order, as VIEW:FEATURE
	Fingerprint string   // schema.Plan.Fingerprint of it
}

// ReadStamp returns the stamp of a model file, empty where it has none. Errors
// are *schema.Error of kind Invalid.
func ReadStamp(model []byte) (Stamp, error) {
	var s Stamp
	if err := checkFile(model); err != nil {
		return s, err
	}
	for f, err := range fields(model) {
		if err != nil {
			return s, noProtobuf(err)
		}
		const metadata = 14
		if f.number != metadata {
			continue
		}
		key, value, err := metadataEntry(f.bytes)
		if err != nil {
			return s, noProtobuf(err)
		}
		switch key {
		case stampService:
			s.Service = value
		case stampFingerprint:
			s.Fingerprint = value
		case stampFeatures:
			s.Features = nil
			if err := json.Unmarshal([]byte(value), &s.Features); err != nil {
				return s, bad("its metadata %s is not a JSON list of features; stamp the file again", stampFeatures)
			}
		}
	}
	return s, nil
}

func metadataEntry(entry []byte) (key, value string, err error) {
	for f, err := range fields(entry) {
		if err != nil {
			return "", "", err
		}
		switch f.number {
		case 1:
			key = string(f.bytes)
		case 2:
			value = string(f.bytes)
		}
	}
	return key, value, nil
}

// CheckFeatures refuses a plan unless its features are those that the model was
// trained on, in the same order.
func (s Stamp) CheckFeatures(p *schema.Plan) error {
	if s.Features == nil {
		return nil
	}
	have := make([]string, len(p.Features))
	for i := range p.Features {
		have[i] = p.Features[i].Name
	}
	if slices.Equal(have, s.Features) {
		return nil
	}
	return schema.ModelStamp.Errorf("the model's stamp does not fit feature service %q: %s; "+
		"apply the model to the service that it was trained on, or train it on this one", p.Service.Name, difference(s.Features, have))
}

// difference describes the first difference of two lists of features.
func difference(stamped, have []string) string {
	for i := range min(len(stamped), len(have)) {
		if stamped[i] != have[i] {
			return fmt.Sprintf("feature %d is %s in the model and %s in the service", i+1, printable(stamped[i]), have[i])
		}
	}
	n := min(len(stamped), len(have))
	if more := stamped[n:]; len(more) > 0 {
		return fmt.Sprintf("the model also reads %s", printable(strings.Join(more, ", ")))
	}
	return fmt.Sprintf("the model does not read %s", printable(strings.Join(have[n:], ", ")))
}

// CheckFingerprint refuses a plan if its features are defined otherwise than those
// that the model was trained on, even if the names are the same.
func (s Stamp) CheckFingerprint(p *schema.Plan) error {
	have := p.Fingerprint()
	if s.Fingerprint == "" || s.Fingerprint == have {
		return nil
	}
	const shown = 12
	return schema.ModelStamp.Errorf("the model was trained on other definitions of feature service %q: its stamp has the fingerprint %s, and the applied definitions have %s. "+
		"A source, a type, a default, a TTL or an expression changed; build a training set with the applied definitions and train the model again", p.Service.Name, printable(s.Fingerprint[:min(len(s.Fingerprint), shown)]), have[:shown])
}
