package online

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// MaxNoteBytes bounds a note.
const MaxNoteBytes = 4 << 10

// noteKey is of the store's own keys; what it holds is the note's bytes behind
// how many they are, since Badger has no empty values.
var noteKey = []byte{ownPrefix, 'n'}

// Note returns what SetNote kept in this folder, or in the one that it was
// loaded from by a snapshot; "" when there is none.
func (s *Store) Note() (note string, err error) {
	txn := s.db.NewTransactionAt(newest, false)
	defer txn.Discard()
	item, err := txn.Get(noteKey)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return "", nil
	}
	if err == nil {
		err = item.Value(func(value []byte) error {
			if len(value) < 2 || len(value)-2 != int(binary.BigEndian.Uint16(value)) {
				return damaged(s.dir, fmt.Errorf("a note of %d bytes", len(value)))
			}
			note = string(value[2:])
			return nil
		})
	}
	if err != nil {
		return "", fmt.Errorf("read note: %w", s.readError(err))
	}
	return note, nil
}

// SetNote keeps a few bytes with the rows: what their owner wants to know when it
// meets them again. When it returns, the note is durable.
func (s *Store) SetNote(note string) error {
	if len(note) > MaxNoteBytes {
		return fmt.Errorf("a note of %d bytes; at most %d fit", len(note), MaxNoteBytes)
	}
	if err := s.room(); err != nil {
		return fmt.Errorf("set note: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	version := uint64(1)
	txn := s.db.NewTransactionAt(newest, false)
	defer txn.Discard()
	if item, err := txn.Get(noteKey); err == nil {
		version = item.Version() + 1
	} else if !errors.Is(err, badger.ErrKeyNotFound) {
		return fmt.Errorf("set note: %w", s.readError(err))
	}
	batch := s.db.NewManagedWriteBatch()
	defer batch.Cancel()
	value := append(binary.BigEndian.AppendUint16(nil, uint16(len(note))), note...)
	if err := errors.Join(batch.SetEntryAt(badger.NewEntry(noteKey, value), version), batch.Flush(), s.sync()); err != nil {
		return fmt.Errorf("set note: %w", s.writeError(err))
	}
	return nil
}
