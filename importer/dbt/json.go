package dbt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// eachKey reads an object key by key; value must read the value. null has no keys.
func eachKey(d *json.Decoder, value func(key string, d *json.Decoder) error) error {
	first, err := d.Token()
	switch {
	case err != nil:
		return err
	case first == nil:
		return nil
	case first != json.Delim('{'):
		return fmt.Errorf("at byte %d: an object was expected", d.InputOffset())
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		if err := value(key.(string), d); err != nil { // a key is a string, or Token had failed
			return err
		}
	}
	_, err = d.Token()
	return err
}

// skip reads a value and keeps nothing of it: the macros of a project are large.
func skip(d *json.Decoder) error {
	for depth := 0; ; {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// text is a string where a version of dbt may have null, or a number.
type text string

// UnmarshalJSON takes what is neither as empty.
func (t *text) UnmarshalJSON(raw []byte) error {
	*t = ""
	switch {
	case raw[0] == '"':
		return json.Unmarshal(raw, (*string)(t))
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		*t = text(raw)
	}
	return nil
}

// texts is a list of strings, which dbt also has as one string.
type texts []string

// UnmarshalJSON takes what is neither as empty.
func (t *texts) UnmarshalJSON(raw []byte) error {
	*t = nil
	switch raw[0] {
	case '"':
		var one string
		err := json.Unmarshal(raw, &one)
		*t = texts{one}
		return err
	case '[':
		var list []text
		if err := json.Unmarshal(raw, &list); err != nil {
			return err
		}
		for _, one := range list {
			*t = append(*t, string(one))
		}
	}
	return nil
}

// columns are in the order of their file.
type columns []*column

// UnmarshalJSON reads an object whose keys are the names.
func (c *columns) UnmarshalJSON(raw []byte) error {
	*c = nil
	return eachKey(json.NewDecoder(bytes.NewReader(raw)), func(name string, d *json.Decoder) error {
		one := new(column)
		if err := d.Decode(one); err != nil {
			return err
		}
		if one.Name == "" {
			one.Name = text(name)
		}
		*c = append(*c, one)
		return nil
	})
}

// metaField is the key larder of a meta, and the owner that many write beside it.
type metaField struct {
	larder json.RawMessage // nil: there is none
	owner  string
}

// UnmarshalJSON takes what is no object as empty.
func (m *metaField) UnmarshalJSON(raw []byte) error {
	*m = metaField{}
	var fields map[string]json.RawMessage
	err := json.Unmarshal(raw, &fields)
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return nil
	}
	if err != nil {
		return err
	}
	m.larder = fields["larder"]
	if owner := fields["owner"]; len(owner) > 0 && owner[0] == '"' {
		return json.Unmarshal(owner, &m.owner)
	}
	return nil
}
