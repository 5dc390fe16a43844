//go:build !linux

package worker

import "os"

// sharedFile returns a file without a name.
func sharedFile(size int) (*os.File, error) {
	file, err := os.CreateTemp("", "larder-")
	if err != nil {
		return nil, err
	}
	if err = os.Remove(file.Name()); err == nil {
		err = file.Truncate(int64(size))
	}
	if err != nil {
		closeFile(file)
		return nil, err
	}
	return file, nil
}
