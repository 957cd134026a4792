package config

import (
	"fmt"
	"iter"
	"strings"
)

// Problem is one mistake in a declaration, at a JSON path.
type Problem struct {
	Path    string // such as services[2].cookies[0].lifetime
	Message string
}

func (p *Problem) Error() string { return p.Path + ": " + p.Message }

// Around yields the JSON path of the problem, then of all that it lies in.
func (p *Problem) Around() iter.Seq[string] {
	return func(yield func(string) bool) {
		for path := p.Path; path != "" && yield(path); {
			path = path[:max(0, strings.LastIndexAny(path, ".["))]
		}
	}
}

func problem(path, format string, args ...any) error {
	return &Problem{path, fmt.Sprintf(format, args...)}
}
