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
func (s *Store) Note() (string, error) {
	value, err := s.own(noteKey)
	if err == nil && value != nil && (len(value) < 2 || len(value)-2 != int(binary.BigEndian.Uint16(value))) {
		err = damaged(s.dir, fmt.Errorf("a note has %d bytes", len(value)))
	}
	if err != nil {
		return "", fmt.Errorf("read note: %w", err)
	}
	if value == nil {
		return "", nil
	}
	return string(value[2:]), nil
}

// SetNote stores a few bytes with the rows, for the owner of the rows to read later.
// When it returns, the note is durable.
func (s *Store) SetNote(note string) error {
	if len(note) > MaxNoteBytes {
		return fmt.Errorf("a note has %d bytes (limit %d)", len(note), MaxNoteBytes)
	}
	if err := s.setOwn(noteKey, append(binary.BigEndian.AppendUint16(nil, uint16(len(note))), note...)); err != nil {
		return fmt.Errorf("set note: %w", err)
	}
	return nil
}

// own returns a copy of the value of one of the store's own keys; nil when there is none.
func (s *Store) own(key []byte) ([]byte, error) {
	txn := s.db.NewTransactionAt(newest, false)
	defer txn.Discard()
	item, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, s.readError(err)
	}
	value, err := item.ValueCopy(nil)
	if err != nil {
		return nil, s.readError(err)
	}
	return value, nil
}

// setOwn stores the value of one of the store's own keys for good.
func (s *Store) setOwn(key, value []byte) error {
	if err := s.room(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing.RLock()
	defer s.writing.RUnlock()
	version := uint64(1)
	txn := s.db.NewTransactionAt(newest, false)
	defer txn.Discard()
	if item, err := txn.Get(key); err == nil {
		version = item.Version() + 1
	} else if !errors.Is(err, badger.ErrKeyNotFound) {
		return s.readError(err)
	}
	batch := s.db.NewManagedWriteBatch()
	defer batch.Cancel()
	if err := errors.Join(batch.SetEntryAt(badger.NewEntry(key, value), version), batch.Flush(), s.sync()); err != nil {
		return s.writeError(err)
	}
	return nil
}
