package feast

import (
	"fmt"
	"slices"
	"strings"

	feastcore "larder/api/feast/core"
	feasttypes "larder/api/feast/types"
	"larder/schema"
)

// Feast gives views without entities this one.
const (
	dummyEntity = "__dummy"
	dummyKey    = "__dummy_id"
)

// An entity is one of Feast's, and what it became.
type entity struct {
	feast *feastcore.EntitySpecV2
	name  string         // in Larder
	key   schema.JoinKey // its name is Larder's; the source's column is feast.join_key
	cast  string         // of that column in SQL; empty: as it is
}

// importEntities reads the entities. Those whose type nothing says are left out.
func (i *importer) importEntities() {
	columns := i.keyColumns()
	for _, e := range i.registry.GetEntities() {
		spec := e.GetSpec()
		if spec.GetName() == dummyEntity || i.entities[spec.GetName()] != nil {
			continue
		}
		joinKey := spec.GetJoinKey()
		if joinKey == "" {
			joinKey = spec.GetName()
		}
		found := columns[spec.GetName()]
		t := spec.GetValueType()
		if len(found) > 0 && (t == feasttypes.ValueType_INVALID || !slices.Contains(found, t)) {
			t = found[0] // what Feast's servers take it for
		}
		if len(found) > 1 {
			var all []string
			for _, f := range found {
				all = append(all, typeName(f))
			}
			i.report(kindEntity, spec.GetName(), fmt.Sprintf("views give the join key %s different types: %s; it is %s here", joinKey, strings.Join(all, ", "), typeName(t)), "check that the tables agree: larder plan says which don't")
		}
		ct := columnTypes[t]
		if ct.typ == 0 || !ct.typ.IsKey() {
			i.report(kindEntity, spec.GetName(), fmt.Sprintf("left out: its join key %s is %s, which can't be a key", joinKey, typeName(t)), "give the entity a value_type of int64, int32, string, bool, bytes or timestamp in Feast, or write it by hand")
			continue
		}
		name := i.renamed(i.entityNames, kindEntity, spec.GetName())
		key := plainName(joinKey)
		if key != joinKey {
			i.report(kindEntity, spec.GetName(), fmt.Sprintf("its join key %s is named %s", joinKey, key), "send it in requests as "+key)
		}
		i.entities[spec.GetName()] = &entity{feast: spec, name: name, key: schema.JoinKey{Name: key, Type: ct.typ}, cast: ct.cast}
		i.result.Definitions.Entities = append(i.result.Definitions.Entities, schema.Entity{
			Name: name, JoinKeys: []schema.JoinKey{{Name: key, Type: ct.typ}},
			Description: spec.GetDescription(), Owner: spec.GetOwner(), Tags: spec.GetTags(),
		})
	}
}

// keyColumns returns the types that views give the join keys of each entity.
func (i *importer) keyColumns() map[string][]feasttypes.ValueType_Enum {
	joinKeys := map[string]string{}
	for _, e := range i.registry.GetEntities() {
		joinKeys[e.GetSpec().GetName()] = e.GetSpec().GetJoinKey()
	}
	types := map[string][]feasttypes.ValueType_Enum{}
	for _, v := range i.allViews() {
		for _, name := range v.GetEntities() {
			for _, column := range v.GetEntityColumns() {
				t := column.GetValueType()
				if column.GetName() == joinKeys[name] && t != feasttypes.ValueType_INVALID && !slices.Contains(types[name], t) {
					types[name] = append(types[name], t)
				}
			}
		}
	}
	return types
}

// entityless returns the entity of views that have none in Feast: all rows have the key
// "".
func (i *importer) entityless() *entity {
	if e := i.entities[dummyEntity]; e != nil {
		return e
	}
	e := &entity{
		feast: &feastcore.EntitySpecV2{Name: dummyEntity, JoinKey: dummyKey},
		name:  i.entityNames.take(dummyEntity), key: schema.JoinKey{Name: dummyKey, Type: schema.String},
	}
	i.entities[dummyEntity] = e
	i.result.Definitions.Entities = append(i.result.Definitions.Entities, schema.Entity{
		Name: e.name, JoinKeys: []schema.JoinKey{e.key}, Description: "of views without an entity; the key is always the empty text",
	})
	return e
}
