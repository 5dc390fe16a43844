package featurelog

import (
	"errors"
	"fmt"
	"strings"
)

// A Damage says what is missing of a file of a log.
type Damage struct {
	Path string
	Err  error // why
	Rows int64 // how many rows were not read; -1 when the file doesn't say
}

// String returns the damage in words.
func (d Damage) String() string {
	rows := "its rows are missing"
	if d.Rows >= 0 {
		rows = fmt.Sprintf("%d of its rows are missing", d.Rows)
	}
	return fmt.Sprintf("%s: %v; %s", d.Path, d.Err, rows)
}

// Damaged returns an error that names the damaged files; nil when there are none.
func Damaged(files []Damage) error {
	texts := make([]string, len(files))
	for i, d := range files {
		texts[i] = d.String()
	}
	return Incomplete(texts)
}

// Incomplete returns an error of damages in words; nil when there are none.
func Incomplete(damages []string) error {
	if len(damages) == 0 {
		return nil
	}
	return fmt.Errorf("files of the feature log can't be read to their end, and the result is of the other rows; restore them from a backup or move them away:\n  %s", strings.Join(damages, "\n  "))
}

// errNoLog says that a file is not one of a log.
var errNoLog = errors.New("not a file of a feature log: columns are missing or have other types; move it away")
