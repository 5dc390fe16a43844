package online

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// MaxNoteBytes bounds a note.
const MaxNoteBytes = 4 << 10

// noteKey is one of the store's own keys. Its value is the length of the note and then
// the note, since Badger has no empty values.
var noteKey = []byte{ownPrefix, 'n'}

// Note returns the note that SetNote stored in this folder, or in the folder of the
// loaded snapshot; "" when there is none.
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
				return damaged(s.dir, fmt.Errorf("a note has %d bytes", len(value)))
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

// SetNote stores a few bytes with the rows, for the owner of the rows to read later.
// When it returns, the note is durable.
func (s *Store) SetNote(note string) error {
	if len(note) > MaxNoteBytes {
		return fmt.Errorf("a note has %d bytes (limit %d)", len(note), MaxNoteBytes)
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
