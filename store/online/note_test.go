package online_test

import (
	"bytes"
	"strings"
	"testing"

	"larder/store/online"
)

func TestNote(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	f := func(s *online.Store, want string) {
		t.Helper()
		if got, err := s.Note(); got != want || err != nil {
			t.Errorf("note %q (%v); want %q", got, err, want)
		}
	}
	f(s, "")
	for _, note := range []string{"first", "", strings.Repeat("x", online.MaxNoteBytes), "last"} {
		if err := s.SetNote(note); err != nil {
			t.Fatal(err)
		}
		f(s, note)
	}
	if err := s.SetNote(strings.Repeat("x", online.MaxNoteBytes+1)); err == nil {
		t.Error("a note that is too large was taken")
	}
	put(t, s, plainView, 1, 77, 1)
	snapshot := save(t, s)
	closed(t, s)
	s = open(t, dir, small)
	f(s, "last")
	if ids, err := s.ViewIDs(); err != nil || len(ids) != 1 {
		t.Errorf("views %v (%v); the note is none", ids, err)
	}
	closed(t, s)

	restored := t.TempDir() + "/restored"
	if err := online.Load(ctx(), restored, bytes.NewReader(snapshot)); err != nil {
		t.Fatal(err)
	}
	s = open(t, restored, small)
	defer closed(t, s)
	f(s, "last")
}
