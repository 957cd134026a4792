package coding

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// flushWriter is a coder.
type flushWriter interface {
	io.WriteCloser
	Flush() error
}

var coders = []struct {
	name, coding string
	coder        func(w io.Writer) flushWriter
}{
	{"gzip", "gzip", func(w io.Writer) flushWriter { return gzip.NewWriter(w) }},
	{"zlib", "deflate", func(w io.Writer) flushWriter { return zlib.NewWriter(w) }},
	{"bare deflate", "deflate", func(w io.Writer) flushWriter { z, _ := flate.NewWriter(w, 6); return z }},
	{"br", "br", func(w io.Writer) flushWriter { return brotli.NewWriter(w) }},
	{"zstd", "zstd", func(w io.Writer) flushWriter { z, _ := zstd.NewWriter(w); return z }},
}

// document is something that compresses as pages do.
func document(size int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var out bytes.Buffer
	for out.Len() < size {
		out.WriteString("<p class=\"" + strings.Repeat(string(rune('a'+r.IntN(26))), r.IntN(9)) + "\">données</p>\n")
	}
	return out.Bytes()
}

func encode(t testing.TB, coder func(io.Writer) flushWriter, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := coder(&out)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// decode decodes in chunks of size.
func decode(t testing.TB, codings []string, data []byte, size int) ([]byte, error) {
	t.Helper()
	var out bytes.Buffer
	d := New(&out, codings)
	for len(data) > 0 {
		n := min(size, len(data))
		if _, err := d.Write(data[:n]); err != nil {
			d.Abort()
			return out.Bytes(), err
		}
		data = data[n:]
	}
	err := d.Close()
	return out.Bytes(), err
}

func TestCodings(t *testing.T) {
	want := document(200_000)
	for _, c := range coders {
		t.Run(c.name, func(t *testing.T) {
			coded := encode(t, c.coder, want)
			for _, size := range []int{1, 7, 4096, len(coded)} {
				if got, err := decode(t, []string{c.coding}, coded, size); err != nil || !bytes.Equal(got, want) {
					t.Errorf("chunks of %d: %d bytes, want %d, %v", size, len(got), len(want), err)
				}
			}
			if got, err := decode(t, []string{c.coding}, coded[:len(coded)/2], 4096); err != nil || !bytes.HasPrefix(want, got) || len(got) == 0 && c.name != "zstd" { // whose blocks are large
				t.Errorf("broken off: %d bytes, %v", len(got), err)
			}
			if got, err := decode(t, []string{c.coding}, []byte("<!doctype html><p>this is not coded at all"), 4096); err == nil && len(got) > 0 {
				t.Errorf("what is not coded became %q", got)
			}
		})
	}
}

func TestChains(t *testing.T) {
	want := document(10_000)
	for _, first := range coders {
		for _, second := range coders {
			coded := encode(t, second.coder, encode(t, first.coder, want))
			if got, err := decode(t, []string{first.coding, second.coding}, coded, 100); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, then %s: %d bytes, %v", first.name, second.name, len(got), err)
			}
		}
	}
}

func TestWhatIsFlushedLeavesAtOnce(t *testing.T) {
	for _, c := range coders {
		t.Run(c.name, func(t *testing.T) {
			var coded, out bytes.Buffer
			w := c.coder(&coded)
			d := New(&out, []string{c.coding})
			for _, part := range []string{"<!doctype html>", "<p>one</p>", "<p>two</p>"} {
				_, _ = io.WriteString(w, part)
				if err := w.Flush(); err != nil {
					t.Fatal(err)
				}
				out.Reset()
				if _, err := d.Write(coded.Bytes()); err != nil || out.String() != part {
					t.Errorf("%q left, want %q, %v", out.String(), part, err)
				}
				coded.Reset()
			}
			d.Abort()
		})
	}
}

func TestParse(t *testing.T) {
	for _, row := range []struct {
		lines []string
		want  string
		ok    bool
	}{
		{nil, "", true},
		{[]string{"identity"}, "", true},
		{[]string{"GZip"}, "gzip", true},
		{[]string{"deflate, br", "zstd"}, "deflate br zstd", true},
		{[]string{"gzip,gzip,gzip,gzip,gzip"}, "gzip gzip gzip gzip gzip", false},
		{[]string{"compress"}, "", false},
		{[]string{"gzip, dcb"}, "", false},
	} {
		got, ok := Parse(row.lines)
		if strings.Join(got, " ") != row.want || ok != row.ok {
			t.Errorf("%q: %q, %t, want %q, %t", row.lines, got, ok, row.want, row.ok)
		}
	}
}

func TestWhatGrowsOutOfProportion(t *testing.T) {
	for _, c := range coders {
		if c.coding != "br" && c.coding != "zstd" {
			continue // DEFLATE cannot
		}
		coded := encode(t, c.coder, make([]byte, 64<<20))
		d := New(io.Discard, []string{c.coding})
		_, err := d.Write(coded)
		if err == nil {
			err = d.Close()
		}
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %d bytes became 64 MiB: %v", c.name, len(coded), err)
		}
	}
}

func TestBytesBehindTheEndAreIgnored(t *testing.T) {
	for _, c := range coders {
		coded := append(encode(t, c.coder, []byte("<p>x")), "trailing"...)
		if got, _ := decode(t, []string{c.coding}, coded, 4096); string(got) != "<p>x" {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func FuzzDecoder(f *testing.F) {
	for _, c := range coders {
		f.Add(c.coding, encode(f, c.coder, document(300)), 3)
	}
	f.Fuzz(func(t *testing.T, name string, data []byte, size int) {
		codings, ok := Parse([]string{name})
		if !ok {
			return
		}
		small, smallErr := decode(t, codings, data, max(1, size&0xff))
		whole, wholeErr := decode(t, codings, data, len(data)+1)
		if (smallErr == nil) != (wholeErr == nil) || smallErr == nil && !bytes.Equal(small, whole) {
			t.Fatalf("in chunks of %d: %d bytes, %v; whole: %d bytes, %v", size&0xff, len(small), smallErr, len(whole), wholeErr)
		}
	})
}

func BenchmarkDecoder(b *testing.B) {
	want := document(100 << 10)
	for _, c := range coders {
		coded := encode(b, c.coder, want)
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(want)))
			b.ReportAllocs()
			for b.Loop() {
				d := New(io.Discard, []string{c.coding})
				if _, err := d.Write(coded); err != nil {
					b.Fatal(err)
				}
				if err := d.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
