package window

// An extreme is the least and the greatest of some numbers, by rank, and how many of
// them there are of each.
type extreme struct {
	n, nans           int64 // numbers; NaNs beside them
	least, greatest   int64
	leastN, greatestN int64
}

func (x *extreme) add(v Value) {
	if isNaN(v) {
		x.nans++
		return
	}
	r := v.rank()
	x.n++
	if x.n == 1 || r < x.least {
		x.least, x.leastN = r, 0
	}
	if x.n == 1 || r > x.greatest {
		x.greatest, x.greatestN = r, 0
	}
	if r == x.least {
		x.leastN++
	}
	if r == x.greatest {
		x.greatestN++
	}
}

// sub takes v back. False: which number is next isn't known.
func (x *extreme) sub(v Value) bool {
	if isNaN(v) {
		x.nans--
		return x.nans >= 0
	}
	r := v.rank()
	x.n--
	if r == x.least {
		x.leastN--
	}
	if r == x.greatest {
		x.greatestN--
	}
	if x.n == 0 {
		*x = extreme{nans: x.nans}
		return true
	}
	return r >= x.least && r <= x.greatest && x.leastN > 0 && x.greatestN > 0
}

func (x *extreme) merge(y *extreme) {
	x.nans += y.nans
	if y.n == 0 {
		return
	}
	if x.n == 0 || y.least < x.least {
		x.least = y.least
	}
	if x.n == 0 || y.greatest > x.greatest {
		x.greatest = y.greatest
	}
	x.n += y.n
}

func (x *extreme) append(dst []byte, t FieldType, events int64) []byte {
	dst = appendUint(dst, events-x.n)
	dst = appendUint(dst, x.nans)
	if x.n == 0 {
		return dst
	}
	dst = appendRank(dst, t, x.least)
	dst = appendUint(dst, x.leastN)
	if x.leastN < x.n {
		dst = appendRank(dst, t, x.greatest)
		dst = appendUint(dst, x.greatestN)
	}
	return dst
}

func (x *extreme) decode(r *reader, t FieldType, events int64) {
	*x = extreme{n: events - r.count(events)}
	x.nans = r.count(events - x.n)
	if x.n == 0 {
		return
	}
	x.least, x.leastN = r.rank(t), r.count(x.n)
	x.greatest, x.greatestN = x.least, x.leastN
	if x.leastN < x.n {
		x.greatest, x.greatestN = r.rank(t), r.count(x.n-x.leastN)
	}
	if x.leastN == 0 || x.greatestN == 0 || x.greatest < x.least || x.greatest == x.least && x.leastN < x.n {
		r.bad("an extreme")
	}
}

func isNaN(v Value) bool { return v.kind == kindFloat && v.Float() != v.Float() }
