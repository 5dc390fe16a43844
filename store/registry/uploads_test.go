package registry_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"larder/schema"
	"larder/store/registry"
)

func sumOf(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}

func whole(file []byte) func() ([]byte, error) {
	return func() ([]byte, error) {
		piece := file
		file = nil
		return piece, nil
	}
}

// TestSilentUploadsKeepNobodyOut: uploads that stop half way hold no connection to
// Postgres and leave nothing there nor in the folder, and make room for others when there
// are too many.
func TestSilentUploadsKeepNobodyOut(t *testing.T) {
	db, dir := database(t), t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "uploads"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "uploads", "left"), []byte("by a server that was killed"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := registry.Open(db.DSN, dir, registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	release, errs := make(chan struct{}), make(chan error, 16)
	for range 16 {
		came, first := make(chan struct{}), make([]byte, 1<<20)
		go func() {
			errs <- r.PutModel(ctx(), sumOf(first), 2<<20, func() ([]byte, error) {
				if piece := first; piece != nil {
					first = nil
					return piece, nil
				}
				close(came)
				<-release
				return nil, errors.New("the caller left")
			})
		}()
		<-came
	}
	var said *schema.Error
	file := []byte("a model")
	if err := r.PutModel(ctx(), sumOf(file), int64(len(file)), whole(file)); err != nil && (!errors.As(err, &said) || said.Reason != schema.TooManyUploads) {
		t.Errorf("a seventeenth upload: %v", err)
	}
	time.Sleep(1100 * time.Millisecond) // until they count as silent
	if err := r.PutModel(ctx(), sumOf(file), int64(len(file)), whole(file)); err != nil {
		t.Errorf("an upload beside silent ones: %v", err)
	}
	close(release)
	for range 16 {
		if err := <-errs; err == nil {
			t.Error("half a file was stored")
		}
	}
	if left, err := os.ReadDir(filepath.Join(dir, "uploads")); err != nil || len(left) > 0 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
	var size int64
	if err := db.Pool.QueryRow(ctx(), "SELECT pg_total_relation_size('larder.model_chunks')").Scan(&size); err != nil || size > 1<<20 {
		t.Errorf("%d bytes are left in Postgres, %v", size, err)
	}
}
