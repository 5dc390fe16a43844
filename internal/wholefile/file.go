package wholefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A File is a file being written. It gets its name when Commit returns. Close without
// Commit leaves nothing.
type File struct {
	temp *os.File // nil once committed or closed
	path string
}

// Create begins a file of a path, where there is nothing yet or a regular file,
// whose mode it keeps. Symbolic links are followed. perm is the mode of a new file.
func Create(path string, perm fs.FileMode) (*File, error) {
	path, perm, err := target(path, perm)
	if err != nil {
		return nil, err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".part-*")
	if err != nil {
		return nil, err
	}
	f := &File{temp, path}
	if err := temp.Chmod(perm); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Write replaces the file of a path with data.
func Write(path string, data []byte, perm fs.FileMode) error {
	f, err := Create(path, perm)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Commit()
}

// target returns where a file is to be written, and its mode.
func target(path string, perm fs.FileMode) (string, fs.FileMode, error) {
	there, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, perm, nil
	}
	if err == nil && there.Mode()&fs.ModeSymlink != 0 {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			there, err = os.Lstat(path)
		}
	}
	if err != nil {
		return "", 0, err
	}
	if !there.Mode().IsRegular() {
		return "", 0, fmt.Errorf("cannot write to %s: it is %s, not a regular file; name a new file", path, kind(there.Mode()))
	}
	return path, there.Mode().Perm(), nil
}

func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeDevice != 0:
		return "a device"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a special file"
}

// Write appends to the file.
func (f *File) Write(p []byte) (int, error) { return f.temp.Write(p) }

// Seek moves to where the next Write goes.
func (f *File) Seek(offset int64, whence int) (int64, error) { return f.temp.Seek(offset, whence) }

// Commit makes the file durable and gives it its name. After an error nothing is left.
func (f *File) Commit() error {
	err := errors.Join(f.temp.Sync(), f.temp.Close())
	if err == nil {
		_, _, err = target(f.path, 0) // what lay there may have been replaced meanwhile
	}
	if err == nil {
		err = os.Rename(f.temp.Name(), f.path)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	f.temp = nil
	return syncFolder(filepath.Dir(f.path))
}

// Close removes the file unless it was committed.
func (f *File) Close() error {
	if f.temp == nil {
		return nil
	}
	name := f.temp.Name()
	_ = f.temp.Close() // it may be closed already
	f.temp = nil
	return os.Remove(name)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
