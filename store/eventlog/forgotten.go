package eventlog

// remembered returns the events that are not of forgotten keys, or are newer than these
// were forgotten, and how many are left out. The row of the stream must be locked: who
// deletes events of a key locks it after the list has the key.
func (l *Log) remembered(events *Events) (rest *Events, left int64) {
	if l.store.forgotten == nil || events == nil {
		return events, 0
	}
	list := l.store.forgotten()
	if len(list.Records) == 0 {
		return events, 0
	}
	names := make([]string, len(l.stream.Fields))
	for i, f := range l.stream.Fields {
		names[i] = f.Name
	}
	m := list.Columns(names)
	if m == nil {
		return events, 0
	}
	at := l.stream.Field(l.stream.TimestampField)
	row := 0
	value := func(column int) any { return events.Fields[column].Value(row) }
	for ; row < events.Len(); row++ {
		// A retraction may come without any of its fields. What it retracts is not in the log.
		r, found := m.Find(value)
		gone := found && (events.Fields[at].IsNull(row) || events.Fields[at].Int64s[row] <= r.Until)
		switch {
		case gone && rest == nil:
			rest = NewEvents(l.stream, events.Len())
			for i := range row {
				rest.Append(events, i)
			}
			left++
		case gone:
			left++
		case rest != nil:
			rest.Append(events, row)
		}
	}
	if rest == nil {
		return events, 0
	}
	return rest, left
}
