package scoring

import (
	"larder/internal/background"
	"larder/schema"
)

// UseONNXRuntime makes a model that walks its trees use its session instead.
func (m *Model) UseONNXRuntime() { m.trees = nil }

// ShareRuns makes requests share runs, whether they gain by it or not.
func (m *Model) ShareRuns(b *schema.Batching) {
	m.batcher = newBatcher(m, b, background.Cores())
}
