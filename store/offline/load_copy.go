package offline

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// A badCell is a value that has no place in its column.
type badCell struct {
	row    int64 // from 1
	column string
	err    error
}

func (b *badCell) Error() string { return fmt.Sprintf("row %d, column %q: %v", b.row, b.column, b.err) }

// copyPlace finds the row and the column in what Postgres says of a line of COPY.
var copyPlace = regexp.MustCompile(`(?m)^COPY .*?, line (\d+)(?:, column (.+?))?(?::|$)`)

// A copyReader is the rows of a file in the text format of COPY: columns end with a tab and
// rows with a line feed, \N is null, and backslashes escape. The text format has each type as
// Postgres itself reads it; types that this program doesn't know need no format.
type copyReader struct {
	ctx      context.Context //nolint:containedctx // io.Reader has none
	in       array.RecordReader
	columns  []match
	progress func(rows int64)

	mu    sync.Mutex // held while it reads
	ended bool
	err   error // why it ended early
	rows  int64
	rec   arrow.Record
	cells []cell
	nulls []func(row int) bool
	next  int    // row of rec
	text  []byte // of rows, not yet read
	sent  int    // bytes of text that were read
}

// flushBytes is how much text is made before it is sent.
const flushBytes = 1 << 16

// Read fills p with the next rows.
func (c *copyReader) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.sent == len(c.text) {
		if c.ended {
			return 0, io.EOF
		}
		c.text, c.sent = c.text[:0], 0
		if err := c.fill(); err != nil {
			c.ended = true
			if err != io.EOF { //nolint:errorlint // of this reader's own
				c.err = err
			}
			if len(c.text) == 0 || c.err != nil {
				return 0, err
			}
		}
	}
	n := copy(p, c.text[c.sent:])
	c.sent += n
	return n, nil
}

// stop waits for a read that goes on, ends the reader, and returns why it ended early.
func (c *copyReader) stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	return c.err
}

// fill makes the text of some rows.
func (c *copyReader) fill() error {
	for len(c.text) < flushBytes {
		if c.rec == nil || c.next == int(c.rec.NumRows()) {
			if err := c.batch(); err != nil {
				return err
			}
			continue
		}
		if err := c.row(); err != nil {
			return err
		}
	}
	return nil
}

func (c *copyReader) batch() error {
	if c.rec != nil {
		c.progress(c.rows)
	}
	if err := context.Cause(c.ctx); err != nil {
		return err
	}
	if !c.in.Next() {
		if err := c.in.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	c.rec, c.next = c.in.Record(), 0
	c.cells, c.nulls = c.cells[:0], c.nulls[:0]
	for _, m := range c.columns {
		cell, err := m.cell(c.rec.Column(m.from))
		if err != nil {
			return err
		}
		c.cells, c.nulls = append(c.cells, cell), append(c.nulls, nulls(c.rec.Column(m.from)))
	}
	return nil
}

func (c *copyReader) row() (err error) {
	for i, m := range c.columns {
		if i > 0 {
			c.text = append(c.text, '\t')
		}
		if c.nulls[i](c.next) {
			c.text = append(c.text, `\N`...)
			continue
		}
		start := len(c.text)
		if c.text, err = c.cells[i](c.text, c.next); err != nil {
			return &badCell{c.rows + 1, m.to.name, err}
		}
		c.text = escapeCopy(c.text, start)
	}
	c.text = append(c.text, '\n')
	c.next++
	c.rows++
	return nil
}

// escapeCopy escapes what was appended from start on.
func escapeCopy(text []byte, start int) []byte {
	escapes := 0
	for _, b := range text[start:] {
		if copyEscapes[b] != 0 {
			escapes++
		}
	}
	if escapes == 0 {
		return text
	}
	end := len(text)
	for range escapes {
		text = append(text, 0)
	}
	for from, to := end-1, len(text)-1; from >= start; from-- {
		b := text[from]
		if letter := copyEscapes[b]; letter != 0 {
			text[to], text[to-1] = letter, '\\'
			to -= 2
			continue
		}
		text[to] = b
		to--
	}
	return text
}

var copyEscapes = [256]byte{'\\': '\\', '\n': 'n', '\r': 'r', '\t': 't'}
