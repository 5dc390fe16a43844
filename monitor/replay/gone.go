package replay

import (
	"errors"
	"fmt"
	"strings"

	"larder/schema"
)

// A Gone is a logged version that can't be scored again, because its definitions or its
// model file are no more.
type Gone struct {
	Model          string
	Version        int64
	CatalogVersion int64 // of the definitions that served it; 0 if the log doesn't say
	Rows           int64 // of the log, that are left out
	Cause          string
}

// LeftOut returns an error that names versions that are gone; nil when there are none.
func LeftOut(all []Gone) error {
	if len(all) == 0 {
		return nil
	}
	texts := make([]string, len(all))
	for i, g := range all {
		texts[i] = fmt.Sprintf("%s@%d, definitions of version %d, %d rows: %s", g.Model, g.Version, g.CatalogVersion, g.Rows, g.Cause)
	}
	return fmt.Errorf("versions in the feature log are gone, and the result is of the other rows; move the files of these versions away, or replay where the versions are:\n  %s", strings.Join(texts, "\n  "))
}

// A goneError says that a version is gone.
type goneError struct {
	error
	cause string
}

func (e goneError) Unwrap() error { return e.error }

// Missing returns the error of a [Score], marked if its reason says that the version to
// score with is gone. [Run] leaves the rows of such a version out, and the report has
// the cause.
func Missing(err error, reason schema.Reason, cause string) error {
	switch reason {
	case schema.UnknownVersion, schema.UnknownModel, schema.UnknownModelVersion, schema.ModelFileMissing:
		return goneError{err, cause}
	}
	return err
}

// leaveOut notes that the version of a file is gone. Of an error of another kind it
// returns that error.
func (r *run) leaveOut(f *fileRun, err error) error {
	var gone goneError
	if !errors.As(err, &gone) {
		return err
	}
	rows := f.Rows - f.done
	for i := range r.report.Gone {
		if g := &r.report.Gone[i]; g.Model == f.Model && g.Version == f.ModelVersion && g.CatalogVersion == f.CatalogVersion {
			g.Rows += rows
			return nil
		}
	}
	r.report.Gone = append(r.report.Gone, Gone{f.Model, f.ModelVersion, f.CatalogVersion, rows, gone.cause})
	return nil
}
