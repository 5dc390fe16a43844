package worker

import (
	"os"

	"golang.org/x/sys/unix"
)

func sharedFile(size int) (*os.File, error) {
	fd, err := unix.MemfdCreate("larder", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "memory")
	err = unix.Ftruncate(fd, int64(size))
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	}
	if err != nil {
		closeFile(file)
		return nil, err
	}
	return file, nil
}
