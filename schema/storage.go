package schema

import (
	"slices"
	"strconv"
	"strings"
)

// Storage says under which number and in which layouts the rows of each view are
// stored. Every version of the definitions has one, so that old rows can still be read.
type Storage struct {
	NextID uint32        `json:"next_id"` // the number that the next new view gets
	Views  []ViewStorage `json:"views"`   // in the order of the definitions
}

// ViewStorage is how the rows of one view are stored.
type ViewStorage struct {
	View string `json:"view"`
	// ID is the number of the view in the online store. It is never reused. If the rows
	// of a view can't be read any more (another key, another type), the view gets a new
	// number and is materialized from scratch.
	ID uint32 `json:"id"`
	// Basis is what the stored rows depend on; rows with another basis can't be used.
	Basis string `json:"basis"`
	// Layouts are the columns of rows, oldest layout first. A row names its
	// layout by index; new rows use the last.
	Layouts [][]Column `json:"layouts"`
}

// A Column is one stored feature of a row.
type Column struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
}

// MaxLayouts is how many layouts a view may have before it is materialized from scratch.
const MaxLayouts = 1 << 10

// Evolve returns how the views of next are stored, given the storage of the version
// before. A view keeps its rows when its join keys, its time columns and the types of
// its features stay the same. Added, removed or moved features add a layout.
func (s Storage) Evolve(next *Definitions) Storage {
	out := Storage{NextID: max(s.NextID, 1), Views: make([]ViewStorage, 0, len(next.FeatureViews))}
	for i := range next.FeatureViews {
		view := &next.FeatureViews[i]
		columns := viewColumns(view)
		vs := ViewStorage{View: view.Name, Basis: next.basis(view), Layouts: [][]Column{columns}}
		old := s.view(view.Name)
		if old != nil && old.Basis == vs.Basis && old.reads(columns) {
			vs.ID, vs.Layouts = old.ID, old.Layouts
			if last := vs.Layouts[len(vs.Layouts)-1]; !slices.Equal(last, columns) {
				vs.Layouts = append(slices.Clone(vs.Layouts), columns)
			}
		} else {
			vs.ID = out.NextID
			out.NextID++
		}
		out.Views = append(out.Views, vs)
	}
	return out
}

func (s Storage) view(name string) *ViewStorage {
	for i := range s.Views {
		if s.Views[i].View == name {
			return &s.Views[i]
		}
	}
	return nil
}

// reads reports whether rows of all layouts so far can be read as columns.
func (v *ViewStorage) reads(columns []Column) bool {
	for _, layout := range v.Layouts {
		for _, old := range layout {
			for _, c := range columns {
				if c.Name == old.Name && c.Type != old.Type {
					return false
				}
			}
		}
	}
	return len(v.Layouts) < MaxLayouts || slices.Equal(v.Layouts[len(v.Layouts)-1], columns)
}

func viewColumns(view *FeatureView) []Column {
	columns := make([]Column, len(view.Features))
	for i, f := range view.Features {
		columns[i] = Column{f.Name, f.Type}
	}
	return columns
}

// basis describes what the rows of a view depend on: the key, and the time columns that
// order the rows of one key.
func (d *Definitions) basis(view *FeatureView) string {
	var b strings.Builder
	for _, name := range view.Entities {
		for _, e := range d.Entities {
			if e.Name != name {
				continue
			}
			for _, k := range e.JoinKeys {
				b.WriteString(k.Name + ":" + k.Type.String() + " ")
			}
		}
	}
	for _, s := range d.Sources {
		if s.Name == view.Source {
			for _, x := range []string{s.TimestampField, s.CreatedTimestampColumn, s.TimeZone, s.DeletedColumn} {
				b.WriteString(strconv.Quote(x))
			}
		}
	}
	return b.String()
}
