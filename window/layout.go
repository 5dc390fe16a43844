package window

// A layout says what each tile of a level holds.
type layout struct {
	counts     []int // fields whose values are counted
	sums       []sumPart
	extremes   []fieldPart
	latest     []latestPart
	sets       []fieldPart
	histograms []histogramPart
	tops       []fieldPart
}

type fieldPart struct {
	field     int
	fieldType FieldType
}

type sumPart struct {
	fieldPart
	kind     sumKind
	halfLife int64
}

type sumKind uint8

const (
	linear sumKind = iota
	squares
	decayed
)

// places returns how many digits such a sum can have, counted from the lowest.
func (p *sumPart) places() int {
	switch {
	case p.fieldType == Int && p.kind == linear:
		return 6
	case p.fieldType == Int && p.kind == squares:
		return 8
	case p.kind == squares:
		return 138
	}
	return 70
}

// unit returns the power of two that such a sum counts in.
func (p *sumPart) unit() int {
	switch {
	case p.kind == decayed:
		return floatUnit
	case p.fieldType == Int:
		return 0
	case p.kind == squares:
		return squareUnit
	}
	return floatUnit
}

type latestPart struct {
	fieldPart
	n        int
	oldest   bool // the single oldest instead
	presence bool // without the value; field may be AnyField
}

type histogramPart struct {
	fieldPart
	least, most float64
	buckets     int // that a tile may have
}

// keeps returns what a latestPart keeps of an entry: whether it has a value, and whether
// it has one that is too long.
func (p *latestPart) keeps(values []Value) (v Value, ok, long bool) {
	if p.presence {
		return Value{kind: kindPresent}, p.field == AnyField || !values[p.field].IsNull(), false
	}
	v = values[p.field]
	return v, !v.IsNull() && v.kind < kindHash, v.kind >= kindHash
}

// indexOf returns where x is in list, after appending it if it isn't there.
func indexOf[T comparable](list *[]T, x T) int {
	for i, y := range *list {
		if x == y {
			return i
		}
	}
	*list = append(*list, x)
	return len(*list) - 1
}
