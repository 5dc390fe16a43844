package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"

	"larder/modelfolder"
	"larder/schema"
	"larder/store/registry"
)

// repositoryFiles are the files of the model repository, and what was decided of
// each: nil of one that was taken.
type repositoryFiles struct {
	folder  *modelfolder.Folder
	decided map[modelfolder.File]error
}

// takeFiles makes new files of the model repository versions. Each model is told
// the first thing that is wrong with its files.
func (s *Server) takeFiles(ctx context.Context, files *repositoryFiles) {
	settled, err := files.folder.Settled()
	if err != nil {
		s.Logger.Error("the model repository can't be read", "error", err)
		return
	}
	faults := map[string]error{}
	there := map[modelfolder.File]bool{}
	for _, f := range settled {
		there[f] = true
		fault, known := files.decided[f]
		if !known {
			if fault = s.takeFile(ctx, files.folder, f); !passing(fault) {
				files.decided[f] = fault
			}
		}
		if first, seen := faults[f.Model]; !seen || first == nil {
			faults[f.Model] = fault
		}
	}
	maps.DeleteFunc(files.decided, func(f modelfolder.File, _ error) bool { return !there[f] })
	for model, fault := range faults {
		if m := s.Registry.Catalog().Definitions.Model(model); m == nil || m.MLflow == nil {
			s.looked(ctx, model, look{source: "repository " + model, fault: fault})
		}
	}
}

// passing tells whether a fault may be gone at the next look, though the file is
// the same: all but what is wrong with the file itself.
func passing(err error) bool {
	var said *schema.Error
	return err != nil && !(errors.As(err, &said) && said.Kind == schema.Invalid && said.Reason == "BAD_MODEL")
}

func (s *Server) takeFile(ctx context.Context, folder *modelfolder.Folder, f modelfolder.File) error {
	file, err := folder.Read(f)
	if err != nil {
		return err
	}
	a := arrival{
		model: f.Model, by: "repository " + f.Model,
		version: schema.ModelVersion{Version: f.Version, SHA256: sumOf(file), From: schema.FromRepository},
	}
	if m := s.Registry.Catalog().Definitions.Model(f.Model); m != nil && m.Version(f.Version) != nil {
		if had := m.Version(f.Version); had.SHA256 != a.version.SHA256 {
			return versionTaken(a, had)
		}
		return nil
	}
	history, err := s.Registry.ModelHistory(ctx)
	if err != nil {
		return err
	}
	if wasRetired(history, f) {
		return nil // a person took it away; it comes back under another number
	}
	return s.bring(ctx, a, file)
}

// wasRetired tells whether older definitions have a version of that number.
func wasRetired(history []registry.PastModels, f modelfolder.File) bool {
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
