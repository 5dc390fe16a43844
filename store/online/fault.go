package online

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dgraph-io/badger/v4"

	"larder/schema"
)

// Fault returns why the store refuses reads and writes until it is opened again: its
// files are damaged, or a write failed. It is nil while the store works.
func (s *Store) Fault() error {
	if f := s.fault.Load(); f != nil {
		return f
	}
	return nil
}

// badgerErr is the text that Badger puts before an error that it wraps.
const badgerErr = " err: "

// stop is called when a write failed unexpectedly. Badger may be without a log then:
// it would panic at reads, and end the process at the next write.
func (s *Store) stop(err error) error {
	// Badger's error has the whole chain of causes, and much of it twice.
	cause, _, _ := strings.Cut(err.Error(), "\n")
	if at := strings.LastIndex(cause, badgerErr); at >= 0 {
		cause = cause[at+len(badgerErr):]
	}
	f := schema.StoreStopped.Errorf("the online store in %s stopped because a write failed (%v); check the disk, its quota and the limits on files, and restart the server; no flushed rows are lost", s.dir, cause)
	if s.fault.CompareAndSwap(nil, f) {
		s.log.Error("the online store stopped because a write failed; it serves nothing until it is opened again", "dir", s.dir, "error", err)
	}
	return s.Fault()
}

func (s *Store) readError(err error) error {
	if errors.Is(err, badger.ErrDBClosed) {
		return s.closedError()
	}
	return fmt.Errorf("online store: %w", err)
}

func (s *Store) writeError(err error) error {
	if errors.Is(err, badger.ErrBlockedWrites) || errors.Is(err, badger.ErrDBClosed) {
		return s.closedError()
	}
	return s.stop(err)
}

func (s *Store) closedError() error {
	return schema.StoreClosed.Errorf("the online store in %s is closed; the server is stopping", s.dir)
}

// panicked returns the error that a panic of Badger means.
func (s *Store) panicked(r any) error {
	if err := s.Fault(); err != nil {
		return err
	}
	return damaged(s.dir, fmt.Errorf("%v", r))
}
