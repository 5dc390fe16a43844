package larder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// A key is sent with every call.
type key struct {
	file string // empty: the text doesn't change

	mu       sync.Mutex
	text     string
	modified time.Time
	looked   time.Time
}

// lookEvery is how often the file is looked at.
const lookEvery = time.Second

// read reads the file, if it has changed since it was read last.
func (k *key) read() error {
	k.looked = time.Now()
	info, err := os.Stat(k.file)
	if err == nil && info.ModTime().Equal(k.modified) {
		return nil
	}
	var raw []byte
	if err == nil {
		raw, err = os.ReadFile(k.file)
	}
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	text := strings.TrimSpace(string(raw))
	if text == "" {
		return fmt.Errorf("key: %s is empty; write the key that larder keys create printed into it", k.file)
	}
	if strings.ContainsAny(text, "\r\n") {
		return fmt.Errorf("key: %s has more than one line; it must have the key alone", k.file)
	}
	k.text, k.modified = text, info.ModTime()
	return nil
}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (k *key) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.file != "" && time.Since(k.looked) > lookEvery {
		if err := k.read(); err != nil && !errors.Is(err, os.ErrNotExist) && k.text == "" {
			return nil, err // otherwise the file is being replaced, and the key before may still count
		}
	}
	return map[string]string{"authorization": "Bearer " + k.text}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials: the connection may be
// local, or encrypted by something in front of the server.
func (k *key) RequireTransportSecurity() bool { return false }
