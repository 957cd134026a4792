package records

import (
	"testing"
	"time"
)

// BenchmarkAppend measures a visitor's choice until it is on disk: of one visitor
// at a time, and of many at once.
func BenchmarkAppend(b *testing.B) {
	for _, store := range []struct {
		name string
		of   func(testing.TB) Options
	}{{"sqlite", inSQLite}, {"postgres", inPostgres}} {
		b.Run(store.name+"/one", func(b *testing.B) {
			l := open(b, store.of(b))
			appended(b, l, grant(0, "example.fr"))
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				appended(b, l, grant(n, "example.fr"))
			}
		})
		b.Run(store.name+"/many", func(b *testing.B) {
			l := open(b, store.of(b))
			appended(b, l, grant(0, "example.fr"))
			b.ReportAllocs()
			b.SetParallelism(500)
			b.ResetTimer()
			start := time.Now()
			b.RunParallel(func(pb *testing.PB) {
				d := grant(1, "example.fr")
				for pb.Next() {
					if _, err := l.Append(b.Context(), d, shown); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "choices/s")
			if l.delivery == nil {
				return
			}
			delivered(b, l)
			b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "delivered/s")
		})
	}
}

// BenchmarkVerify measures what a record costs to verify.
func BenchmarkVerify(b *testing.B) {
	l, _ := chainOf(b, inSQLite(b), 1)
	c := startCrowd(func() *Log { return l }, 200)
	c.more(b, 20000)
	c.end(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Verify(b.Context(), func(f Finding) { b.Error(f) }, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/20000, "ns/record")
}
