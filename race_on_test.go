//go:build race

package cookieconsent

const slower = 10 // the race detector is
