//go:build !race

package cookieconsent

const slower = 1
