package online

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"larder/schema"
)

const (
	formatName  = "FORMAT"
	partSuffix  = ".part" // the suffix of a file being written
	lockName    = "LOCK"
	sealName    = "SEAL"
	rowsFolder  = "rows"
	format      = 1
	formatStart = "larder online store, format "

	// badgerMagic marks Badger's list of tables as ours.
	badgerMagic = 0x1a4d

	remedy = `restore it with "larder snapshot load", or delete the folder: it refills from Postgres`
)

// damaged returns an error that a folder is unusable, and what to do. It is for the
// people who run the server, not for callers.
func damaged(dir string, err error) *schema.Error {
	return schema.StoreDamaged.Errorf("the online store in %s is damaged (%v); %s", dir, err, remedy)
}

// openFolder locks dir for this process; it makes the folder when it is new and
// refuses one that isn't an online store that this program can read.
func openFolder(dir string) (*folderLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("online store: %w", err)
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	if err := checkFormat(dir); err != nil {
		return nil, errors.Join(err, lock.release())
	}
	return lock, nil
}

// checkFormat reads the format of a folder, and writes it into a new one.
func checkFormat(dir string) error {
	raw, err := os.ReadFile(filepath.Join(dir, formatName))
	if errors.Is(err, os.ErrNotExist) {
		return startFormat(dir)
	}
	if err != nil {
		return fmt.Errorf("online store: %w", err)
	}
	text, found := strings.CutPrefix(strings.TrimSpace(string(raw)), formatStart)
	n, err := strconv.Atoi(text)
	switch {
	case !found || err != nil:
		return damaged(dir, fmt.Errorf("%s doesn't name a format", formatName))
	case n != format:
		return schema.StoreFormat.Errorf("the online store in %s has format %d, and this larder reads %d; use the larder that wrote it, or delete the folder: it refills from Postgres", dir, n, format)
	}
	return nil
}

func startFormat(dir string) error {
	for _, name := range []string{"MANIFEST", rowsFolder, sealName} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return schema.StoreForeign.Errorf("give Larder its own folder: %s has files of another program (it has %s, but no %s of an online store)", dir, name, formatName)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, rowsFolder), 0o700); err != nil {
		return fmt.Errorf("online store: %w", err)
	}
	return replaceFile(dir, formatName, []byte(formatStart+strconv.Itoa(format)+"\n"))
}

// replaceFile replaces a file: a crash leaves the old one or the new one.
func replaceFile(dir, name string, data []byte) (err error) {
	part := filepath.Join(dir, name+partSuffix)
	f, err := os.Create(part)
	if err != nil {
		return fmt.Errorf("online store: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(part, filepath.Join(dir, name))
	}
	if err = errors.Join(err, syncPath(dir)); err != nil {
		return fmt.Errorf("online store: write %s: %w", name, err)
	}
	return nil
}

// syncPath makes the contents of a file, or the names in a folder, durable.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// A folderLock keeps other processes, and other stores of this one, out.
type folderLock struct{ file *os.File }

func lockFolder(dir string) (*folderLock, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("online store: %w", err)
	}
	if err := lockFile(f); err != nil {
		owner, readErr := os.ReadFile(path)
		who := "another process"
		if pid := strings.TrimSpace(string(owner)); readErr == nil && pid != "" {
			who = "process " + pid
		}
		return nil, errors.Join(schema.StoreInUse.Errorf("the online store in %s is in use by %s; stop that process, or give this one another folder", dir, who), f.Close())
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("online store: %w", err), f.Close())
	}
	return &folderLock{f}, nil
}

func (l *folderLock) release() error { return l.file.Close() }
