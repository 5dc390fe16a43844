package layers

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Module is the path of this repository's module.
const Module = "larder"

// Imports are what the files of one folder import, by Go's import paths.
type Imports struct {
	Code  []string
	Tests []string
}

// Check returns a sentence for each thing in found that the table doesn't allow, and
// for each contradictory row of the table.
func (t Table) Check(found map[string]Imports) []string {
	faults := t.unsound()
	for _, folder := range slices.Sorted(maps.Keys(found)) {
		pkg, ok := t.Packages[folder]
		if !ok {
			faults = append(faults, fmt.Sprintf("package %s is not in the table; give it a floor and its imports in internal/layers/table.go", folder))
			continue
		}
		for _, path := range found[folder].Code {
			faults = append(faults, t.code(folder, pkg, path)...)
		}
		for _, path := range found[folder].Tests {
			faults = append(faults, t.test(folder, pkg, path)...)
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(t.Packages)) {
		if _, ok := found[folder]; !ok {
			faults = append(faults, fmt.Sprintf("remove %s from internal/layers/table.go: no such package exists", folder))
		}
	}
	return faults
}

// unsound finds the rows of the table that contradict each other.
func (t Table) unsound() []string {
	var faults []string
	for _, folder := range slices.Sorted(maps.Keys(t.Packages)) {
		pkg := t.Packages[folder]
		for _, other := range pkg.Imports {
			if below, ok := t.Packages[other]; !ok {
				faults = append(faults, fmt.Sprintf("the table lets %s import %s, but it has no row for that package", folder, other))
			} else if below.Floor > pkg.Floor || below.Floor == pkg.Floor && !inside(folder, other) && !inside(other, folder) {
				faults = append(faults, fmt.Sprintf("the table lets %s (floor %d) import %s (floor %d); imports go down only", folder, pkg.Floor, other, below.Floor))
			}
		}
	}
	for _, dependency := range slices.Sorted(maps.Keys(t.Doors)) {
		for _, folder := range t.Doors[dependency] {
			if _, ok := t.Packages[folder]; !ok {
				faults = append(faults, fmt.Sprintf("the table makes %s a door of %s, but it has no row for that package", folder, dependency))
			}
		}
	}
	return faults
}

// inside reports whether a folder lies in another: a package and those in it share a
// floor.
func inside(folder, other string) bool { return strings.HasPrefix(folder, other+"/") }

func (t Table) code(folder string, pkg Package, path string) []string {
	switch other, ours := local(path); {
	case ours && !t.allows(pkg, other):
		return []string{fmt.Sprintf("%s imports %s, and may import %s; take what it needs as a parameter that cmd/larder passes, "+
			"or, when the design changes, say so in internal/layers/table.go", folder, other, t.allowed(pkg))}
	case !ours && !standard(path):
		return t.door(folder, path)
	}
	return nil
}

func (t Table) test(folder string, pkg Package, path string) []string {
	other, ours := local(path)
	if !ours || other == folder {
		return nil
	}
	if pkg.BlackBox && !t.allows(pkg, other) {
		return []string{fmt.Sprintf("the tests of %s import %s; they see the product from outside, through %s", folder, other, t.allowed(pkg))}
	}
	if floor := t.Packages[other].Floor; floor > pkg.Floor {
		return []string{fmt.Sprintf("the tests of %s (floor %d) import %s (floor %d); put the test beside the higher of the two", folder, pkg.Floor, other, floor)}
	}
	return nil
}

func (t Table) allows(pkg Package, other string) bool {
	if pkg.All {
		below, ok := t.Packages[other]
		return ok && below.Floor < pkg.Floor
	}
	return slices.Contains(pkg.Imports, other)
}

func (t Table) allowed(pkg Package) string {
	switch {
	case pkg.All:
		return "every package on a lower floor"
	case len(pkg.Imports) == 0:
		return "no package of ours"
	default:
		return strings.Join(pkg.Imports, ", ")
	}
}

// door checks that a dependency comes in through one of its doors. A path may
// match several rows, a module and a part of it; any of them may open.
func (t Table) door(folder, path string) []string {
	var doors []string
	for dependency, folders := range t.Doors {
		if path == dependency || strings.HasPrefix(path, dependency+"/") {
			doors = append(doors, folders...)
		}
	}
	if slices.Contains(doors, folder) {
		return nil
	}
	if doors == nil {
		return []string{fmt.Sprintf("%s imports %s, a dependency that is not in the table; check who maintains it and what it depends on, then "+
			"name its doors in internal/layers/table.go", folder, path)}
	}
	slices.Sort(doors)
	return []string{fmt.Sprintf("%s imports %s, but only %s may import that; use these packages", folder, path, strings.Join(slices.Compact(doors), ", "))}
}

// local returns the folder of an import path of ours.
func local(path string) (folder string, ours bool) {
	return strings.CutPrefix(path, Module+"/")
}

// standard reports whether a path is the standard library's or cgo's: the first part
// of any other has a dot.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}
