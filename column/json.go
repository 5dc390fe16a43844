package column

import (
	"encoding/json"
	"errors"
	"fmt"

	"larder/schema"
)

// ErrTooManyRows is what [ParseJSON] returns for a list of more rows than it may have.
var ErrTooManyRows = errors.New("too many rows")

// ParseJSON reads a column from a JSON list of at most maxRows values. parse reads one of
// them, as [schema.ParseValue] does.
func ParseJSON(t schema.Type, list json.RawMessage, maxRows int, parse func(schema.Type, json.RawMessage) (any, error)) (Column, error) {
	c, rows := Column{Type: t}, 0
	err := schema.JSONItems(list, func(item json.RawMessage) error {
		if rows == maxRows {
			return ErrTooManyRows
		}
		v, err := parse(t, item)
		if err != nil {
			return fmt.Errorf("row %d: %w", rows, err)
		}
		if v == nil && c.Valid == nil {
			c.Valid = make([]bool, rows)
			for i := range c.Valid {
				c.Valid[i] = true
			}
		}
		if c.Valid != nil {
			c.Valid = append(c.Valid, v != nil)
		}
		c.AppendValue(v)
		rows++
		return nil
	})
	return c, err
}
