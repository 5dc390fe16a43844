package row_test

import (
	"fmt"
	"testing"

	"larder/schema"
	"larder/store/row"
)

func BenchmarkAppendKey(b *testing.B) {
	f := func(name string, add func(dst []byte, i int) []byte) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var key []byte
			for i := 0; b.Loop(); i++ {
				key = add(row.AppendView(key[:0], 7), i)
			}
		})
	}
	f("key=int64", func(dst []byte, i int) []byte { return row.AppendInt64(dst, int64(i)) })
	f("key=string", func(dst []byte, _ int) []byte {
		return row.AppendString(dst, "c0ffee00-1234-5678-9abc-def012345678")
	})
}

func BenchmarkBuilder(b *testing.B) {
	for _, features := range []int{10, 250} {
		b.Run(fmt.Sprintf("features=%d", features), func(b *testing.B) {
			types := make([]schema.Type, features)
			for i := range types {
				types[i] = schema.Float64
			}
			builder := row.NewBuilder(row.NewLayout(columnsOf(types)), 0)
			b.ReportAllocs()
			for b.Loop() {
				builder.Reset(schema.NoIngestTime, false)
				for i := range features {
					builder.SetFloat64(i, 1.5)
				}
			}
			b.SetBytes(int64(len(builder.Row())))
		})
	}
}
