package pgdev

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// BinVariable is the environment variable that names the folder of Postgres's binaries.
const BinVariable = "LARDER_POSTGRES_BIN"

// ErrNoBinaries is what Start returns when Postgres isn't installed.
var ErrNoBinaries = errors.New("no Postgres binaries (postgres, initdb) found; run `make setup`, or install them (Debian: apt-get install postgresql), or set " +
	BinVariable + " to their folder")

// binaries returns the folder that holds postgres and initdb.
func binaries() (string, error) {
	if dir := os.Getenv(BinVariable); dir != "" {
		if !complete(dir) {
			return "", fmt.Errorf("%s is %s, but that folder has no postgres and initdb", BinVariable, dir)
		}
		return dir, nil
	}
	var dirs []string
	if path, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	dirs = append(dirs, versioned("/usr/lib/postgresql/*/bin")...)
	dirs = append(dirs, versioned("/usr/pgsql-*/bin")...)
	dirs = append(dirs, versioned("/opt/homebrew/opt/postgresql@*/bin")...)
	for _, dir := range dirs {
		if complete(dir) {
			return dir, nil
		}
	}
	return "", ErrNoBinaries
}

func complete(dir string) bool {
	for _, name := range []string{"postgres", "initdb"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.IsDir() {
			return false
		}
	}
	return true
}

// versioned returns the folders of a pattern, the highest version first.
func versioned(pattern string) []string {
	dirs, _ := filepath.Glob(pattern) // the patterns are well formed
	version := func(dir string) int {
		digits := ""
		for _, r := range filepath.Base(filepath.Dir(dir)) {
			if r >= '0' && r <= '9' {
				digits += string(r)
			}
		}
		n, _ := strconv.Atoi(digits) // no digits: 0, last
		return n
	}
	slices.SortFunc(dirs, func(a, b string) int { return version(b) - version(a) })
	return dirs
}
