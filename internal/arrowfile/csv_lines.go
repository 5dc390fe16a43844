package arrowfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// csvLines splits a CSV file (RFC 4180) into records. Unlike encoding/csv, it tells
// quoted empty fields from those that are left out, and keeps line ends in quotes.
type csvLines struct {
	in     *bufio.Reader
	line   int // of the byte read last, from 1
	column int
	text   []byte // of all fields of the record
	fields []csvField
}

// A csvField is a field of the current record.
type csvField struct {
	start, end   int // in csvLines.text
	quoted       bool
	line, column int
}

var byteOrderMark = []byte("\xef\xbb\xbf")

func newCSVLines(in io.Reader) *csvLines {
	l := &csvLines{in: bufio.NewReaderSize(in, 1<<16), line: 1}
	if start, _ := l.in.Peek(len(byteOrderMark)); bytes.Equal(start, byteOrderMark) {
		_, _ = l.in.Discard(len(byteOrderMark))
	}
	return l
}

// value returns a field of the current record, valid until the next.
func (l *csvLines) value(i int) []byte { return l.text[l.fields[i].start:l.fields[i].end] }

// null reports whether a field is left out. `""` is not: it is an empty text.
func (l *csvLines) null(i int) bool {
	f := l.fields[i]
	return f.start == f.end && !f.quoted
}

// next reads a record and skips empty lines. It returns io.EOF at the end.
func (l *csvLines) next() error {
	for {
		l.text, l.fields = l.text[:0], l.fields[:0]
		for {
			end, err := l.field()
			if err != nil {
				return err
			}
			if end {
				break
			}
		}
		if len(l.fields) > 1 || !l.null(0) {
			return nil
		}
	}
}

// field reads a field and what ends it, and reports whether that ends the record.
func (l *csvLines) field() (end bool, err error) {
	f := csvField{start: len(l.text), line: l.line, column: l.column + 1}
	for {
		b, err := l.read()
		switch {
		case errors.Is(err, io.EOF) && len(l.fields) == 0 && len(l.text) == f.start && !f.quoted:
			return true, io.EOF
		case errors.Is(err, io.EOF), err == nil && (b == ',' || b == '\n'):
			f.end = len(l.text)
			if b == '\n' && !f.quoted && f.end > f.start && l.text[f.end-1] == '\r' {
				f.end--
			}
			l.fields = append(l.fields, f)
			return b != ',' || err != nil, nil
		case err != nil:
			return true, err
		case f.quoted && b == '\r': // of the end of the line
		case f.quoted:
			return true, l.errorf("a quoted field goes on after its last quote; write quotes within it twice")
		case b == '"' && len(l.text) == f.start:
			f.quoted = true
			if err := l.quoted(f); err != nil {
				return true, err
			}
		case b == '"':
			return true, l.errorf("a quote in a field without quotes; put the field in quotes, and write quotes within it twice")
		default:
			l.text = append(l.text, b)
		}
	}
}

// quoted reads a field up to its last quote.
func (l *csvLines) quoted(f csvField) error {
	for {
		b, err := l.read()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("line %d, column %d: a quoted field has no end; add the quote that ends it", f.line, f.column)
		}
		if err != nil {
			return err
		}
		if b == '"' {
			if following, _ := l.in.Peek(1); len(following) == 0 || following[0] != '"' {
				return nil
			}
			_, _ = l.read()
		}
		l.text = append(l.text, b)
	}
}

func (l *csvLines) read() (byte, error) {
	b, err := l.in.ReadByte()
	if err == nil {
		l.column++
		if b == '\n' {
			l.line, l.column = l.line+1, 0
		}
	}
	return b, err
}

func (l *csvLines) errorf(text string) error {
	return fmt.Errorf("line %d, column %d: %s", l.line, l.column, text)
}
