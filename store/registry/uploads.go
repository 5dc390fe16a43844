package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"
	"time"

	"larder/schema"
)

// uploadsFolder holds model files while they arrive. Postgres hears of one only when it is
// whole, so a caller who stops half way holds no connection and leaves nothing there.
const uploadsFolder = "uploads"

// Limits of what arrives at once. Where one is reached, the upload that has been silent
// longest makes room for others.
const (
	maxUploads     = 16
	maxUploadBytes = 4 * MaxModelBytes
	minSilence     = time.Second
)

// uploads are the model files that are arriving. Safe for concurrent use.
type uploads struct {
	dir string

	mu    sync.Mutex
	all   map[*upload]struct{}
	bytes int64 // of all
}

// An upload is one of them.
type upload struct {
	of    *uploads
	file  *os.File
	hash  hash.Hash
	bytes int64
	heard time.Time     // when a piece came last
	ended chan struct{} // closed when it has to make room
}

// newUploads empties the folder, which an earlier process may have left files in.
func newUploads(dir string) (*uploads, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	return &uploads{dir: dir, all: map[*upload]struct{}{}}, os.MkdirAll(dir, 0o700)
}

var errTooManyUploads = schema.TooManyUploads.Errorf(
	"too many model files are being uploaded (limit %d, and %d MiB together); retry when one has ended", maxUploads, maxUploadBytes>>20)

// begin returns a new upload, which the caller ends.
func (s *uploads) begin() (*upload, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) >= maxUploads && !s.makeRoom(nil) {
		return nil, errTooManyUploads
	}
	file, err := os.CreateTemp(s.dir, "*")
	if err != nil {
		return nil, fmt.Errorf("begin an upload: %w", err)
	}
	u := &upload{of: s, file: file, hash: sha256.New(), heard: time.Now(), ended: make(chan struct{})}
	s.all[u] = struct{}{}
	return u, nil
}

// makeRoom ends the upload that has been silent longest, if one has for a while.
func (s *uploads) makeRoom(but *upload) bool {
	var silent *upload
	for u := range s.all {
		if u != but && (silent == nil || u.heard.Before(silent.heard)) {
			silent = u
		}
	}
	if silent == nil || time.Since(silent.heard) < minSilence {
		return false
	}
	s.forget(silent)
	close(silent.ended)
	return true
}

func (s *uploads) forget(u *upload) {
	if _, found := s.all[u]; found {
		delete(s.all, u)
		s.bytes -= u.bytes
	}
}

// end deletes the file.
func (u *upload) end() error {
	u.of.mu.Lock()
	u.of.forget(u)
	u.of.mu.Unlock()
	return errors.Join(u.file.Close(), os.Remove(u.file.Name()))
}

// reserve counts n more bytes.
func (u *upload) reserve(n int64) error {
	s := u.of
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.bytes+n > maxUploadBytes {
		if !s.makeRoom(u) {
			return errTooManyUploads
		}
	}
	if _, found := s.all[u]; !found {
		return errTooManyUploads
	}
	s.bytes += n
	u.bytes += n
	u.heard = time.Now()
	return nil
}

// receive takes pieces until there are none, and checks that they are the file of a sum.
func (u *upload) receive(ctx context.Context, sum string, size int64, next func() ([]byte, error)) error {
	for {
		piece, err := u.await(ctx, next)
		if err != nil {
			return err
		}
		if len(piece) == 0 {
			break
		}
		if err := u.reserve(int64(len(piece))); err != nil {
			return err
		}
		if u.bytes > size {
			break
		}
		u.hash.Write(piece)
		if _, err := u.file.Write(piece); err != nil {
			return fmt.Errorf("keep a model file that arrives: %w", err)
		}
	}
	if u.bytes != size {
		return schema.ModelSize.Errorf("send model file %s again: %d bytes were announced, and %d arrived", sum, size, u.bytes)
	}
	if have := hex.EncodeToString(u.hash.Sum(nil)); have != sum {
		return schema.ModelSHA256.Errorf("send the model file again: the SHA-256 %s was announced, and %s arrived", sum, have)
	}
	_, err := u.file.Seek(0, io.SeekStart)
	return err
}

// await returns the next piece, unless the upload has to make room meanwhile.
func (u *upload) await(ctx context.Context, next func() ([]byte, error)) ([]byte, error) {
	type result struct {
		piece []byte
		err   error
	}
	came := make(chan result, 1)
	go func() { // it ends with the request, at the latest
		piece, err := next()
		came <- result{piece, err}
	}()
	select {
	case r := <-came:
		return r.piece, r.err
	case <-u.ended:
		return nil, errTooManyUploads
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
