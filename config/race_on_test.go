//go:build race

package config_test

const slower = 10 // the race detector is
