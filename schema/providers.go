package schema

import (
	"fmt"
	"slices"
)

// A Provider runs the operators of a model: it is a device, or a library for one.
type Provider struct {
	Name    string            `json:"name"`              // one of ProviderNames
	Options map[string]string `json:"options,omitempty"` // as ONNX Runtime documents them
}

// CPUProvider is the name of the provider that every build of ONNX Runtime has.
const CPUProvider = "cpu"

// ProviderNames returns the names of providers, sorted.
func ProviderNames() []string {
	return []string{"coreml", CPUProvider, "cuda", "openvino", "tensorrt", "xnnpack"}
}

func (v *validator) providers(path string, m *Model) {
	for i, p := range m.Providers {
		at := fmt.Sprintf("%s.providers[%d]", path, i)
		switch {
		case !slices.Contains(ProviderNames(), p.Name):
			v.addf(at+".name", "model %q: no provider %q; use %s", m.Name, p.Name, OneOf(ProviderNames()))
		case slices.ContainsFunc(m.Providers[:i], func(q Provider) bool { return q.Name == p.Name }):
			v.addf(at+".name", "model %q lists the provider %s twice; remove one", m.Name, p.Name)
		case p.Name == CPUProvider && i < len(m.Providers)-1:
			v.addf(at+".name", "model %q: cpu is always available, so providers after it are never used; write cpu last", m.Name)
		case p.Name == CPUProvider && len(p.Options) > 0:
			v.addf(at+".options", "model %q: the provider cpu has no options; remove them", m.Name)
		}
	}
}
