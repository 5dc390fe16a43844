package control

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"

	larderv1 "larder/api/larder/v1"
	"larder/control/forget"
	"larder/internal/grpcserver"
	"larder/schema"
)

// Forget removes keys of an entity everywhere.
func (s *Server) Forget(req *larderv1.ForgetRequest, stream grpc.ServerStreamingServer[larderv1.ForgetResponse]) error {
	ctx := stream.Context()
	keys, err := s.keysOf(req)
	if err != nil {
		return err
	}
	request := forget.Request{Entity: req.GetEntity(), Keys: keys, By: cmp.Or(grpcserver.CallerOf(ctx).Name, req.GetRequestedBy(), "unknown")}
	var told time.Time
	var last string
	report, err := s.parts.Forget.Forget(ctx, request, func(step string) {
		if step == last && time.Since(told) < progressInterval {
			return
		}
		told, last = time.Now(), step
		_ = stream.Send(&larderv1.ForgetResponse{Step: step}) // a caller that is gone ends the context
	})
	if err != nil {
		return err
	}
	return stream.Send(&larderv1.ForgetResponse{Report: forgetMessage(report)})
}

// keysOf reads the keys of a request by the join keys of its entity.
func (s *Server) keysOf(req *larderv1.ForgetRequest) ([][]any, error) {
	entities := s.Registry.Catalog().Definitions.Entities
	at := slices.IndexFunc(entities, func(e schema.Entity) bool { return e.Name == req.GetEntity() })
	if at < 0 {
		return nil, nil // Forget names the entities there are
	}
	entity := &entities[at]
	var keys [][]any
	if len(req.GetWords()) > 0 {
		key, err := keyOf(entity, asJSON(entity, req.GetWords()))
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	for i, raw := range req.GetKeys() {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(raw, &members); err != nil {
			return nil, schema.BadJSON.Errorf(`key %d is not a JSON object; write {"%s": VALUE}`, i+1, entity.JoinKeys[0].Name)
		}
		key, err := keyOf(entity, members)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// asJSON returns words as JSON, by the types of an entity's join keys.
func asJSON(e *schema.Entity, words map[string]string) map[string]json.RawMessage {
	members := map[string]json.RawMessage{}
	for name, word := range words {
		members[name] = json.RawMessage(word)
		at := slices.IndexFunc(e.JoinKeys, func(k schema.JoinKey) bool { return k.Name == name })
		if at < 0 {
			continue
		}
		if t := e.JoinKeys[at].Type; t == schema.String || t == schema.Bytes || t == schema.Timestamp {
			members[name] = schema.AppendValue(nil, word)
		}
	}
	return members
}

// keyOf returns the values of an entity's join keys.
func keyOf(e *schema.Entity, members map[string]json.RawMessage) (key []any, err error) {
	for _, k := range e.JoinKeys {
		value, found := members[k.Name]
		if !found {
			return nil, schema.MissingJoinKey.Errorf("no value for %q; entity %q is forgotten by all of its join keys", k.Name, e.Name)
		}
		if string(value) == "null" {
			return nil, schema.NullJoinKey.Errorf("join key %q is null", k.Name)
		}
		v, err := schema.ParseValue(k.Type, value)
		if err != nil {
			return nil, schema.BadValue.Errorf("join key %q: %v", k.Name, err)
		}
		key = append(key, v)
	}
	for name := range members {
		if !slices.ContainsFunc(e.JoinKeys, func(k schema.JoinKey) bool { return k.Name == name }) {
			return nil, schema.UnknownJoinKey.Errorf("entity %q has no join key %q", e.Name, name)
		}
	}
	return key, nil
}

func forgetMessage(r *forget.Report) *larderv1.ForgetReport {
	m := &larderv1.ForgetReport{
		Id: r.ID, Entity: r.Entity, JoinKeys: r.JoinKeys, Hashes: r.Hashes, RequestedBy: r.RequestedBy, RequestedAt: r.RequestedAt.UnixMicro(),
		Resumed: r.Resumed, Remains: r.Remains,
	}
	if r.DoneAt != nil {
		m.DoneAt = r.DoneAt.UnixMicro()
	}
	for _, p := range r.Places {
		m.Places = append(m.Places, &larderv1.ForgottenPlace{Place: p.Place, What: p.What, Removed: p.Removed, Note: p.Note, At: p.At.UnixMicro()})
	}
	for _, a := range r.Away {
		m.Away = append(m.Away, &larderv1.AwayServer{Server: a.Server, SeenAgo: a.SeenAgo.Microseconds(), Problem: a.Problem})
	}
	for _, s := range r.Statements {
		m.Statements = append(m.Statements, &larderv1.ForgetStatement{Source: s.Source, Sql: s.SQL})
	}
	return m
}
