package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"

	"larder/models/folder"
	"larder/schema"
	"larder/store/registry"
)

// repositoryFiles are the files of the model repository and the decision on each.
type repositoryFiles struct {
	folder  *folder.Folder
	decided map[folder.File]decision
}

// A decision holds why a file was not imported; the fault is nil when it was. It was
// made on one version of the catalog.
type decision struct {
	fault   error
	catalog int64
}

// takeFiles imports new files of the model repository as versions. It records the
// first fault of each model's files.
func (e *Editor) takeFiles(ctx context.Context, files *repositoryFiles) {
	settled, err := files.folder.Settled()
	if err != nil {
		e.Logger.Error("cannot read the model repository", "error", err)
		return
	}
	faults := map[string]error{} // by model; nil when all its files were imported
	there := map[folder.File]bool{}
	for _, f := range settled {
		there[f] = true
		catalog := e.Registry.Catalog().Version
		d, known := files.decided[f]
		if !known || d.fault != nil && !(lasts(d.fault) && d.catalog == catalog) {
			d = decision{e.takeFile(ctx, files.folder, f), catalog}
			files.decided[f] = d
		}
		if faults[f.Model] == nil {
			faults[f.Model] = d.fault
		}
	}
	maps.DeleteFunc(files.decided, func(f folder.File, _ decision) bool { return !there[f] })
	for model, fault := range faults {
		if m := e.Registry.Catalog().Definitions.Model(model); m == nil || m.MLflow == nil {
			e.looked(ctx, model, look{source: "repository " + model, fault: fault})
		}
	}
}

func (e *Editor) takeFile(ctx context.Context, from *folder.Folder, f folder.File) error {
	file, err := from.Read(f)
	if err != nil {
		return err
	}
	a := arrival{
		model: f.Model, by: "repository " + f.Model,
		version: schema.ModelVersion{Version: f.Version, SHA256: sumOf(file), From: schema.FromRepository},
	}
	if m := e.Registry.Catalog().Definitions.Model(f.Model); m != nil && m.Version(f.Version) != nil {
		if had := m.Version(f.Version); had.SHA256 != a.version.SHA256 {
			return versionTaken(a, had)
		}
		return nil
	}
	history, err := e.Registry.ModelHistory(ctx)
	if err != nil {
		return err
	}
	if wasRetired(history, f) {
		return nil // a person retired it; it can come back only under another number
	}
	return e.bring(ctx, a, file)
}

// wasRetired reports whether older definitions have a version of that number.
func wasRetired(history []registry.PastModels, f folder.File) bool {
	for i := range history {
		if m := history[i].Model(f.Model); m != nil && m.Version(f.Version) != nil {
			return true
		}
	}
	return false
}

func sumOf(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}
