package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/internal/wholefile"
	"larder/schema"
)

// MaxModelBytes bounds one model file.
const MaxModelBytes = 256 << 20

// Files that no version of the definitions names are deleted, a batch at a time, when
// they were not requested for unwantedAfter. That is far longer than the time between
// MissingModels and the apply that names them.
const (
	unwantedAfter = 24 * time.Hour
	maxDropped    = 100
)

// MissingModels returns the given SHA-256 sums that aren't stored. The other files
// stay for at least a day.
func (r *Registry) MissingModels(ctx context.Context, sums []string) ([]string, error) {
	if err := r.reachable(); err != nil {
		return nil, err
	}
	_, err := r.pool.Exec(ctx, `UPDATE larder.model_files SET wanted_at = now()
		WHERE sha256 = ANY($1) AND wanted_at < now() - $2::interval`, sums, unwantedAfter/24)
	if err != nil {
		return nil, unavailable(err)
	}
	rows, err := r.pool.Query(ctx, `SELECT s FROM unnest($1::text[]) AS s
		WHERE NOT EXISTS (SELECT FROM larder.model_files f WHERE f.sha256 = s)`, sums)
	if err != nil {
		return nil, unavailable(err)
	}
	missing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return missing, unavailable(err)
}

// DropUnwantedModels deletes model files that no version of the definitions names, old
// or new, and that were not requested for a day. It returns how many.
func (r *Registry) DropUnwantedModels(ctx context.Context) (int64, error) {
	if err := r.reachable(); err != nil {
		return 0, err
	}
	tag, err := r.pool.Exec(ctx, `WITH named AS (
			SELECT DISTINCT file ->> 'sha256' AS sha256 FROM larder.versions,
				json_array_elements(coalesce(definitions::json -> 'models', '[]')) AS model,
				json_array_elements(coalesce(model -> 'versions', '[]')) AS file
		), unwanted AS (
			SELECT sha256 FROM larder.model_files
			WHERE wanted_at < now() - $1::interval AND NOT EXISTS (SELECT FROM named WHERE named.sha256 = model_files.sha256)
			ORDER BY wanted_at LIMIT $2 FOR UPDATE SKIP LOCKED
		)
		DELETE FROM larder.model_files USING unwanted WHERE model_files.sha256 = unwanted.sha256`, unwantedAfter, maxDropped)
	return tag.RowsAffected(), unavailable(err)
}

// PutModel stores a model file of size bytes. next yields it piece by piece until it
// returns nothing. The file is stored whole and with the right sum, or not at all: it is
// kept in a folder until then.
func (r *Registry) PutModel(ctx context.Context, sum string, size int64, next func() ([]byte, error)) error {
	if err := r.reachable(); err != nil {
		return err
	}
	if raw, err := hex.DecodeString(sum); err != nil || len(raw) != sha256.Size {
		return schema.BadSHA256.Errorf("%q is not a SHA-256; write 64 hex digits", sum)
	}
	if size <= 0 || size > MaxModelBytes {
		return schema.ModelTooLarge.Errorf("the model file has %d bytes; it must have 1 to %d", size, MaxModelBytes)
	}
	u, err := r.uploads.begin()
	if err != nil {
		return err
	}
	defer u.end()
	if err := u.receive(ctx, sum, size, next); err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "INSERT INTO larder.model_files (sha256, size) VALUES ($1, $2) ON CONFLICT DO NOTHING", sum, size)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return putChunks(ctx, tx, sum, u.file)
	})
	return unavailable(err)
}

// putChunks stores a file in pieces.
func putChunks(ctx context.Context, tx pgx.Tx, sum string, file io.Reader) error {
	const chunkBytes = 1 << 20
	chunk := make([]byte, chunkBytes)
	for seq := 0; ; seq++ {
		n, err := io.ReadFull(file, chunk)
		if n > 0 {
			if _, err := tx.Exec(ctx, "INSERT INTO larder.model_chunks (sha256, seq, data) VALUES ($1, $2, $3)", sum, seq, chunk[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a model file that has arrived: %w", err)
		}
	}
}

// ModelFile returns the bytes of a model file, from the folder or, the first time,
// from Postgres. They have the requested sum.
func (r *Registry) ModelFile(ctx context.Context, sum string) ([]byte, error) {
	path := filepath.Join(r.dir, modelsFolder, sum)
	file, err := os.ReadFile(path)
	if err == nil && hexSum(file) == sum {
		return file, nil
	}
	if r.pool == nil {
		return nil, fmt.Errorf("model file %s is missing or damaged in %s, and there is no Postgres to fetch it from", sum, r.dir)
	}
	if file, err = r.fetchModel(ctx, sum); err != nil {
		return nil, err
	}
	if err := r.keepModel(sum, file); err != nil {
		r.opts.Logger.Error("cannot keep a model file for a start without postgres", "path", path, "error", err)
	}
	return file, nil
}

func (r *Registry) fetchModel(ctx context.Context, sum string) ([]byte, error) {
	rows, err := r.pool.Query(ctx, "SELECT data FROM larder.model_chunks WHERE sha256 = $1 ORDER BY seq", sum)
	if err != nil {
		return nil, unavailable(err)
	}
	defer rows.Close()
	var file bytes.Buffer
	for rows.Next() {
		if file.Len() > MaxModelBytes {
			return nil, fmt.Errorf("model file %s is larger than %d bytes", sum, MaxModelBytes)
		}
		file.Write(rows.RawValues()[0])
	}
	if err := rows.Err(); err != nil {
		return nil, unavailable(err)
	}
	if file.Len() == 0 {
		return nil, schema.ModelFileMissing.Errorf("model file %s is not in the registry; send it with `larder apply DIR`", sum)
	}
	if have := hexSum(file.Bytes()); have != sum {
		return nil, fmt.Errorf("model file %s is damaged in the registry: its SHA-256 is %s", sum, have)
	}
	return file.Bytes(), nil
}

func (r *Registry) keepModel(sum string, file []byte) error {
	return wholefile.Write(filepath.Join(r.dir, modelsFolder, sum), file, 0o600)
}

func hexSum(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}
