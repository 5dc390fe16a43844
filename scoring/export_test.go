package scoring

// UseONNXRuntime makes a model that walks its trees use its session instead.
func (m *Model) UseONNXRuntime() { m.trees = nil }
