package feast

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"

	feastserving "larder/api/feast/serving"
	feasttypes "larder/api/feast/types"
	"larder/control/rows"
	"larder/internal/grpcserver"
	"larder/schema"
)

// Where a push goes.
const (
	toOnline  = "online"
	toOffline = "offline"
	toBoth    = "online_and_offline"
)

// onlyStored reports whether pushed rows are not materialized at once. They are stored in
// any case: the online store has nothing that its source doesn't have.
func onlyStored(to string) (bool, error) {
	switch to {
	case toOnline, toBoth:
		return false, nil
	case toOffline:
		return true, nil
	}
	return false, schema.BadParameter.Errorf("%.40q is nowhere to push to; write online, offline or online_and_offline", to)
}

func (s *Server) postPush(r *http.Request) ([]byte, error) {
	to, in := toOnline, rows.Rows{}
	err := readMembers(r, func(name string, value json.RawMessage) (err error) {
		switch name {
		case "push_source_name":
			return readInto(name, "a text, in quotes", value, &in.Source)
		case "to":
			return readInto(name, "a text, in quotes", value, &to)
		case "df":
			in.Columns, err = readFrame(value)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if in.Source == "" || in.Columns == nil {
		return nil, schema.BadJSON.Errorf(`the body has no "push_source_name" or no "df"`)
	}
	if in.OnlyStore, err = onlyStored(to); err != nil {
		return nil, err
	}
	return nil, s.write(r.Context(), in)
}

func (s *Server) postWrite(r *http.Request) ([]byte, error) {
	in := rows.Rows{}
	err := readMembers(r, func(name string, value json.RawMessage) (err error) {
		switch name {
		case "feature_view_name":
			return readInto(name, "a text, in quotes", value, &in.View)
		case "df":
			in.Columns, err = readFrame(value)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if in.View == "" || in.Columns == nil {
		return nil, schema.BadJSON.Errorf(`the body has no "feature_view_name" or no "df"`)
	}
	return []byte("null"), s.write(r.Context(), in)
}

func (s *Server) write(ctx context.Context, in rows.Rows) error {
	if err := grpcserver.Permit(ctx, grpcserver.Resource{Kind: grpcserver.View, Name: in.View}); err != nil {
		return err
	}
	return s.opts.Writer.Write(ctx, in)
}

// readFrame reads a data frame: an object of columns. A column is a list of values, or an
// object that has them under the frame's index, as pandas writes it.
func readFrame(object json.RawMessage) ([]rows.Column, error) {
	columns := []rows.Column{}
	err := schema.JSONMembers(object, func(name string, value json.RawMessage) error {
		if len(columns) == maxColumns {
			return schema.BadJSON.Errorf(`"df" has more than %d columns`, maxColumns)
		}
		c := rows.Column{Name: name}
		add := func(item json.RawMessage) error {
			c.Values = append(c.Values, item)
			return nil
		}
		err := schema.JSONItems(value, add)
		if errors.Is(err, schema.ErrNotList) {
			err = schema.JSONMembers(value, func(_ string, item json.RawMessage) error { return add(item) })
		}
		if err != nil {
			return schema.BadJSON.Errorf(`"df": column %.80q is not a list; write one value for each row, in brackets`, name)
		}
		columns = append(columns, c)
		return nil
	})
	if errors.Is(err, schema.ErrNotObject) {
		return nil, schema.BadJSON.Errorf(`"df" is not an object of lists; write {"COLUMN": [VALUE]}`)
	}
	return columns, err
}

// Push adds a row to the views of a push source.
func (s *Server) Push(ctx context.Context, req *feastserving.PushRequest) (*feastserving.PushResponse, error) {
	only, err := onlyStored(req.GetTo())
	if err != nil {
		return nil, err
	}
	in := rows.Rows{Source: req.GetStreamFeatureView(), OnlyStore: only}
	if in.Columns, err = rowOf(req.GetFeatures(), req.GetTypedFeatures()); err != nil {
		return nil, err
	}
	return &feastserving.PushResponse{Status: true}, s.opts.Writer.Write(ctx, in)
}

// WriteToOnlineStore adds a row to a feature view.
func (s *Server) WriteToOnlineStore(ctx context.Context, req *feastserving.WriteToOnlineStoreRequest) (*feastserving.WriteToOnlineStoreResponse, error) {
	in := rows.Rows{View: req.GetFeatureViewName()}
	var err error
	if in.Columns, err = rowOf(req.GetFeatures(), req.GetTypedFeatures()); err != nil {
		return nil, err
	}
	return &feastserving.WriteToOnlineStoreResponse{Status: true}, s.opts.Writer.Write(ctx, in)
}

// rowOf returns the columns of one row, whose values are texts or typed.
func rowOf(texts map[string]string, typed map[string]*feasttypes.Value) ([]rows.Column, error) {
	if len(texts) > 0 && len(typed) > 0 {
		return nil, schema.BadRequest.Errorf("the request has both features and typed_features; send one of them")
	}
	var columns []rows.Column
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		text, err := json.Marshal(texts[name])
		if err != nil {
			return nil, err
		}
		columns = append(columns, rows.Column{Name: name, Values: []json.RawMessage{text}})
	}
	for _, name := range slices.Sorted(maps.Keys(typed)) {
		value, err := appendMessage(nil, typed[name])
		if err != nil {
			return nil, schema.BadValue.Errorf("column %.80q: %v", name, err)
		}
		columns = append(columns, rows.Column{Name: name, Values: []json.RawMessage{value}})
	}
	return columns, nil
}

// appendMessage appends the JSON of a message, as a data frame would have it: times are
// whole seconds.
func appendMessage(dst []byte, v *feasttypes.Value) ([]byte, error) {
	switch x := v.GetVal().(type) {
	case nil, *feasttypes.Value_NullVal:
		return append(dst, "null"...), nil
	case *feasttypes.Value_BoolVal:
		return strconv.AppendBool(dst, x.BoolVal), nil
	case *feasttypes.Value_Int32Val:
		return strconv.AppendInt(dst, int64(x.Int32Val), 10), nil
	case *feasttypes.Value_Int64Val:
		return strconv.AppendInt(dst, x.Int64Val, 10), nil
	case *feasttypes.Value_UnixTimestampVal:
		if x.UnixTimestampVal == math.MinInt64 { // Python's NaT
			return append(dst, "null"...), nil
		}
		return strconv.AppendInt(dst, x.UnixTimestampVal, 10), nil
	case *feasttypes.Value_FloatVal:
		return schema.AppendFloat(dst, float64(x.FloatVal), 32), nil
	case *feasttypes.Value_DoubleVal:
		return schema.AppendFloat(dst, x.DoubleVal, 64), nil
	case *feasttypes.Value_BytesVal:
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), x.BytesVal), '"'), nil
	}
	if text, err := scalar(schema.String, v); err == nil {
		return schema.AppendValue(dst, text), nil
	}
	elements, is := elementsOf(v)
	if !is {
		return nil, unfit(schema.String, v)
	}
	dst = append(dst, '[')
	for i, element := range elements {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendMessage(dst, element); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}
