package vector

import (
	"slices"

	"larder/column"
	"larder/schema"
	"larder/store/row"
)

// BindKeys takes the request's entity columns, one per join key of the plan,
// and makes the keys to read. The columns may be let go afterwards.
func (b *Batch) BindKeys(entities column.Columns) error {
	plan := b.program.plan
	for i, name := range entities.Names {
		at := slices.IndexFunc(plan.Keys, func(k schema.JoinKey) bool { return k.Name == name })
		if at < 0 {
			return schema.UnknownJoinKey.Errorf("%s takes no join key %q; %s", plan.Name(), name, taken(name, keyNames(plan.Keys)))
		}
		if b.entities[at] != nil {
			return schema.DuplicateColumn.Errorf("join key %q comes twice", name)
		}
		c, err := b.bindKey(plan.Keys[at], &entities.Values[i])
		if err != nil {
			return err
		}
		b.entities[at] = c
	}
	for i, k := range plan.Keys {
		if b.entities[i] == nil {
			return schema.MissingJoinKey.Errorf("join key %q (%s) is missing; %s needs it", k.Name, k.Type, plan.Name())
		}
	}
	for v := range plan.Views {
		if err := b.appendKeys(&plan.Views[v]); err != nil {
			return err
		}
	}
	return nil
}

func keyNames(keys []schema.JoinKey) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	return names
}

// bindKey returns c as a column of keys of the declared type.
func (b *Batch) bindKey(k schema.JoinKey, c *column.Column) (*column.Column, error) {
	v := value{noun: "join key", name: k.Name, want: k.Type}
	if err := v.check(c, b.rows); err != nil {
		return nil, err
	}
	if c.Type != k.Type && !(c.Type.IsInteger() && k.Type.IsInteger()) {
		return nil, v.wrongType(c)
	}
	if at := slices.Index(c.Valid, false); at >= 0 {
		return nil, schema.NullJoinKey.Errorf("join key %q is null in row %d; every row needs its key", k.Name, at)
	}
	return v.convert(c)
}

// appendKeys appends a view's key of every row.
func (b *Batch) appendKeys(v *schema.PlanView) error {
	for r := range b.rows {
		b.keys.Append(func(dst []byte) []byte { return b.appendKey(dst, v, r) })
		if n := len(b.keys.At(b.keys.Len() - 1)); n > row.MaxKeyBytes {
			return schema.KeyTooLarge.Errorf("the key of row %d in feature view %q takes %d bytes; at most %d fit", r, v.Name, n, row.MaxKeyBytes)
		}
	}
	return nil
}

func (b *Batch) appendKey(dst []byte, v *schema.PlanView, r int) []byte {
	dst = row.AppendView(dst, v.ID)
	for _, at := range v.KeyColumns {
		dst = appendKeyPart(dst, b.entities[at], r)
	}
	return dst
}

// appendKeyPart appends value r of a column as a part of a key.
func appendKeyPart(dst []byte, c *column.Column, r int) []byte {
	switch c.Type {
	case schema.Bool:
		return row.AppendBool(dst, c.Bools[r])
	case schema.Int32:
		return row.AppendInt32(dst, c.Int32s[r])
	case schema.Int64:
		return row.AppendInt64(dst, c.Int64s[r])
	case schema.Timestamp:
		return row.AppendTimestamp(dst, c.Int64s[r])
	case schema.String:
		return row.AppendString(dst, c.Strings[r])
	}
	return row.AppendBytes(dst, c.Bytes[r])
}
