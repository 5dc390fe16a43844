package schema

import (
	"slices"
	"strconv"
	"strings"
)

// Storage says under which number and in which layouts the rows of each view are
// stored. Every version of the definitions has one, so that old rows can still be read.
type Storage struct {
	NextID  uint32        `json:"next_id"`           // the number that the next new view gets
	Views   []ViewStorage `json:"views"`             // in the order of the definitions
	Retired []RetiredView `json:"retired,omitempty"` // the newest last
}

// ViewStorage is how the rows of one view are stored.
type ViewStorage struct {
	View string `json:"view"`
	// ID is the number of the view in the online store. If the rows of a view can't be
	// read any more (another key, another type), the view gets a new number and is
	// materialized from scratch. A number is never used again once its rows may have been
	// deleted.
	ID uint32 `json:"id"`
	// Basis is what the stored rows depend on; rows with another basis can't be used.
	Basis string `json:"basis"`
	// Layouts are the columns of rows, oldest layout first. A row names its
	// layout by index; new rows use the last.
	Layouts [][]Column `json:"layouts"`
	// Origin is the table or query that the rows come from.
	Origin string `json:"origin,omitempty"`
	// KeepOld is how long the rows stay once they are out of use.
	KeepOld Duration `json:"keep_old,omitempty"`
}

// A RetiredView is a view whose rows are out of use: the view was removed, or has other
// rows. Until KeepUntil, definitions that can read the rows take them back.
type RetiredView struct {
	ViewStorage
	KeepUntil int64 `json:"keep_until"` // microseconds since 1970 UTC
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
// its features stay the same. Added, removed or moved features add a layout. A view
// that can't keep its rows takes back those that it had before, if they are kept at
// now, in microseconds since 1970 UTC.
func (s Storage) Evolve(next *Definitions, now int64) Storage {
	out := Storage{NextID: max(s.NextID, 1), Views: make([]ViewStorage, 0, len(next.FeatureViews)+len(next.AggregateViews))}
	used := map[uint32]bool{}
	for _, view := range next.storedViews() {
		columns := viewColumns(view)
		vs := ViewStorage{View: view.Name, Basis: next.basis(view), Layouts: [][]Column{columns}, Origin: next.origin(view), KeepOld: view.KeptOld()}
		if old := s.readable(&vs, now); old != nil {
			vs.ID, vs.Layouts = old.ID, old.Layouts
			if last := vs.Layouts[len(vs.Layouts)-1]; !slices.Equal(last, columns) {
				vs.Layouts = append(slices.Clone(vs.Layouts), columns)
			}
		} else {
			vs.ID = out.NextID
			out.NextID++
		}
		used[vs.ID] = true
		out.Views = append(out.Views, vs)
	}
	for _, old := range s.Retired {
		if !used[old.ID] && old.KeepUntil > now {
			out.Retired = append(out.Retired, old)
		}
	}
	for _, old := range s.Views {
		if !used[old.ID] {
			out.Retired = append(out.Retired, RetiredView{old, now + old.KeepOld.Micros()})
		}
	}
	return out
}

// readable returns the storage whose rows a view can use: those in use, or the newest
// of those that are kept and came from the same table or query. Nil when there are none.
func (s Storage) readable(view *ViewStorage, now int64) *ViewStorage {
	if old := s.view(view.View); old != nil && old.reads(view) {
		return old
	}
	for i := len(s.Retired) - 1; i >= 0; i-- {
		if old := &s.Retired[i]; old.View == view.View && old.Origin == view.Origin && old.KeepUntil > now && old.reads(view) {
			return &old.ViewStorage
		}
	}
	return nil
}

// TakesBack returns the retired views of s whose rows next has in use again.
func (s Storage) TakesBack(next Storage) []RetiredView {
	var back []RetiredView
	for _, old := range s.Retired {
		if slices.ContainsFunc(next.Views, func(v ViewStorage) bool { return v.ID == old.ID }) {
			back = append(back, old)
		}
	}
	return back
}

func (s Storage) view(name string) *ViewStorage {
	for i := range s.Views {
		if s.Views[i].View == name {
			return &s.Views[i]
		}
	}
	return nil
}

// reads reports whether a view in its only layout can use the rows of all layouts so
// far.
func (v *ViewStorage) reads(view *ViewStorage) bool {
	if v.Basis != view.Basis {
		return false
	}
	columns := view.Layouts[0]
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

// origin returns the table or query of a view.
func (d *Definitions) origin(view *FeatureView) string {
	for i := range d.Sources {
		if s := &d.Sources[i]; s.Name == view.Source && view.Stream == "" {
			return s.Table + s.Query // one of them is empty
		}
	}
	if s := d.stream(view.Stream); s != nil {
		return s.Log.Table
	}
	return ""
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
	if s := d.stream(view.Stream); s != nil {
		b.WriteString(d.streamBasis(s, view))
	}
	for _, s := range d.Sources {
		if s.Name == view.Source && view.Stream == "" {
			for _, x := range []string{s.TimestampField, s.CreatedTimestampColumn, s.TimeZone, s.DeletedColumn} {
				b.WriteString(strconv.Quote(x))
			}
		}
	}
	return b.String()
}
