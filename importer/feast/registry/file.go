package registry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"google.golang.org/protobuf/proto"

	feastcore "larder/api/feast/core"
)

// MaxBytes bounds a registry: its file, or all that a server or a database answers.
const MaxBytes = 256 << 20

// ReadFile reads a registry file: one feast.core.Registry message.
func ReadFile(name string) (*feastcore.Registry, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("no registry file %s; run feast apply in the repository, or give another with --registry FILE", name)
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular(): // a pipe would block
		return nil, fmt.Errorf("the registry %s is not a regular file; give one with --registry FILE", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the registry: %w", err)
	}
	if len(raw) > MaxBytes {
		return nil, fmt.Errorf("the registry %s has more than %d MiB; is it a registry?", name, MaxBytes>>20)
	}
	r, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s is not a registry of Feast: %w", name, err)
	}
	return r, nil
}

// Parse reads the bytes of a registry file.
func Parse(raw []byte) (*feastcore.Registry, error) {
	if bytes.HasPrefix(raw, []byte("SQLite format 3\x00")) {
		return nil, errors.New("it is an SQLite database (an online store, or an SQL registry); give the file that registry: names in feature_store.yaml, or " + viaREST)
	}
	r := &feastcore.Registry{}
	if err := proto.Unmarshal(raw, r); err != nil {
		return nil, errors.New("its bytes are no feast.core.Registry message; give the file that feast apply wrote")
	}
	return r, nil
}
