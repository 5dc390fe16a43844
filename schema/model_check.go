package schema

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

func (v *validator) model(path string, m *Model) {
	if m.FeatureService == "" {
		v.addf(path+".feature_service", "model %q has no feature service; write feature_service: NAME", m.Name)
	} else if v.services[m.FeatureService] == nil {
		v.unknownf(m.FeatureService, names(v.services), path+".feature_service", "model %q: no feature service %q", m.Name, m.FeatureService)
	}
	if m.Isolation != "" && m.Isolation != ProcessIsolation {
		v.addf(path+".isolation", "isolation must be process, or left out, not %q", m.Isolation)
	}
	if m.Rollout != "" && m.Rollout != FileDecides && m.Rollout != CommandsDecide {
		v.addf(path+".rollout", "rollout must be file, or left out, not %q", m.Rollout)
	}
	if m.OnMissing != "" && m.OnMissing != DefaultOnMissing && m.OnMissing != FailOnMissing {
		v.addf(path+".on_missing", "on_missing must be default or fail, not %q", m.OnMissing)
	}
	if m.Log != nil && !(m.Log.Rate > 0 && m.Log.Rate <= 1) {
		v.addf(path+".log.rate", "model %q: log.rate must be a share above 0 and at most 1, not %v; leave out log to log nothing", m.Name, m.Log.Rate)
	}
	v.labels(path+".labels", m)
	v.monitor(path+".monitor", m)
	v.mlflow(path, m)
	v.modelInputs(path, m)
	v.limits(path, m)
	v.batching(path, m)
	v.providers(path, m)
	if len(m.Versions) == 0 && m.MLflow == nil {
		v.addf(path+".versions", "model %q has no version; write versions: [{version: 1, onnx: models/%s-1.onnx, sha256: ...}]", m.Name, m.Name)
	}
	seen := map[int64]bool{}
	for i, mv := range m.Versions {
		at := fmt.Sprintf("%s.versions[%d]", path, i)
		if mv.Version <= 0 {
			v.addf(at+".version", "model %q: version numbers must be 1 or more", m.Name)
		}
		if seen[mv.Version] {
			v.addf(at+".version", "model %q has two versions numbered %d; renumber one", m.Name, mv.Version)
		}
		seen[mv.Version] = true
		v.modelFile(at, m, mv)
	}
	v.shadows(path, m, seen)
	if m.Splits() {
		v.traffic(path, m, seen)
		if m.Ramp != nil {
			v.ramp(path+".ramp", m)
		}
		return
	}
	v.trafficOnly(path, m)
	switch {
	case m.Serve == 0 && len(m.Versions) > 1:
		v.addf(path+".serve", "model %q has %d versions but no serve; write the version to serve, as in serve: %d", m.Name, len(m.Versions), m.Versions[len(m.Versions)-1].Version)
	case m.Serve != 0 && !seen[m.Serve]:
		v.danglef(path+".serve", "model %q has no version %d to serve; it has %s", m.Name, m.Serve, versionList(m))
	}
}

func versionList(m *Model) string {
	all := make([]string, len(m.Versions))
	for i, mv := range m.Versions {
		all[i] = strconv.FormatInt(mv.Version, 10)
	}
	return strings.Join(all, ", ")
}

func (v *validator) modelFile(path string, m *Model, mv ModelVersion) {
	owner := fmt.Sprintf("model %q", m.Name)
	if mv.Version > 0 {
		owner += fmt.Sprintf(" version %d", mv.Version)
	}
	switch {
	case mv.ONNX == "" && mv.SHA256 == "":
		v.addf(path+".onnx", "%s names no file; write onnx: models/%s-%d.onnx, or the sha256 of a pushed file", owner, m.Name, max(mv.Version, 1))
		return
	case mv.ONNX != "" && !filepath.IsLocal(mv.ONNX):
		v.addf(path+".onnx", "%s: %q is outside the definitions folder; use a path below it", owner, mv.ONNX)
	}
	if raw, err := hex.DecodeString(mv.SHA256); err != nil || len(raw) != 32 || strings.ToLower(mv.SHA256) != mv.SHA256 {
		v.addf(path+".sha256", "%s: sha256 must be 64 hex digits in lower case, as sha256sum prints; got %q", owner, mv.SHA256)
	}
	if mv.Column != nil && *mv.Column < 0 {
		v.addf(path+".column", "%s: column must be 0 or more", owner)
	}
	v.versionNotes(path, owner, &mv)
}
