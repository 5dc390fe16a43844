package worker

import (
	"os"

	"golang.org/x/sys/unix"
)

// shared returns memory that another process can map through the file. Neither can
// shrink it, which would end the other at its next access.
func shared(size int) (memory []byte, file *os.File, err error) {
	if file, err = sharedFile(size); err != nil {
		return nil, nil, err
	}
	if memory, err = unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		closeFile(file)
		return nil, nil, err
	}
	return memory, file, nil
}

// Share returns a file in memory that holds b, for a message to a child. The caller
// closes it.
func Share(b []byte) (*os.File, error) {
	memory, file, err := shared(max(len(b), 1))
	if err != nil {
		return nil, err
	}
	copy(memory, b)
	return file, unix.Munmap(memory)
}

// Map returns the content of a shared file, and closes the file. The content stays
// mapped.
func Map(file *os.File) ([]byte, error) {
	defer closeFile(file)
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
}
