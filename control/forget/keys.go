package forget

import (
	"sync"
	"sync/atomic"

	"larder/schema"
	"larder/store/forgotten"
	"larder/store/row"
)

// Keys is the list of forgotten keys, as all parts of a server see it. The zero Keys is
// empty, and ready for use before there is a catalog. It is safe for concurrent use.
type Keys struct {
	list     atomic.Pointer[forgotten.List]
	catalogs func() (serving, building *schema.Catalog) // set before the first list

	mu    sync.Mutex // guards changes of views
	views atomic.Pointer[viewKeys]
	old   map[uint32]*schema.View // that no catalog has; guarded by mu
}

// viewKeys are the keys of all views, of one state of the list and the catalogs.
type viewKeys struct {
	list              *forgotten.List
	serving, building *schema.Catalog
	matchers          map[uint32]*viewMatcher
}

// A viewMatcher finds forgotten keys in one view.
type viewMatcher struct {
	*forgotten.Matcher
	keys   []schema.JoinKey
	states bool
}

var noKeys = forgotten.NewList(nil, nil)

// List returns the list.
func (k *Keys) List() *forgotten.List {
	if list := k.list.Load(); list != nil {
		return list
	}
	return noKeys
}

// set replaces the list.
func (k *Keys) set(list *forgotten.List) { k.list.Store(list) }

// setOld says what views are that no catalog has.
func (k *Keys) setOld(old map[uint32]*schema.View) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.old = old
	k.views.Store(nil)
}

// oldViews returns what setOld has set.
func (k *Keys) oldViews() map[uint32]*schema.View {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.old
}

// Refuse reports whether a row must not be stored, as [online.Options] wants it.
func (k *Keys) Refuse(viewID uint32, key []byte, eventTime, ingest int64) bool {
	list := k.list.Load()
	if list == nil || len(list.Records) == 0 {
		return false
	}
	m := k.matchers(list)[viewID]
	if m == nil {
		return false
	}
	hasIngest := ingest != schema.NoIngestTime
	if newest := m.Newest(); eventTime > newest && (!hasIngest || ingest > newest) {
		return false
	}
	r, found := m.find(key)
	return found && (eventTime <= r.Until || hasIngest && ingest <= r.Until)
}

// find returns the record of a row's key.
func (m *viewMatcher) find(key []byte) (r forgotten.Record, found bool) {
	_, values, err := row.DecodeKey(key, m.keys)
	if err != nil {
		return r, false // the store has refused the key of another view
	}
	return m.Find(func(column int) any { return values[column] })
}

// matchers returns those of all views that may have forgotten keys.
func (k *Keys) matchers(list *forgotten.List) map[uint32]*viewMatcher {
	serving, building := k.catalogs()
	if v := k.views.Load(); v != nil && v.list == list && v.serving == serving && v.building == building {
		return v.matchers
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	v := &viewKeys{list, serving, building, matchersOf(list, k.old, serving, building)}
	k.views.Store(v)
	return v.matchers
}

// matchersOf returns the matchers of the views of catalogs, and of older views.
func matchersOf(list *forgotten.List, old map[uint32]*schema.View, catalogs ...*schema.Catalog) map[uint32]*viewMatcher {
	all := map[uint32]*viewMatcher{}
	add := func(v *schema.View) {
		if m := list.Columns(namesOf(v.Keys)); m != nil {
			all[v.ID] = &viewMatcher{m, v.Keys, v.Aggregates != nil}
		}
	}
	for _, v := range old {
		add(v)
	}
	for _, c := range catalogs {
		if c == nil {
			continue
		}
		for _, v := range c.Views() {
			add(v)
		}
	}
	return all
}

func namesOf(keys []schema.JoinKey) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	return names
}
