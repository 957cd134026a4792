package config

import "runtime/debug"

// ModuleVersion is the version of this module in the running binary: (devel) where it
// is the binary's own, unknown where that cannot be told.
func ModuleVersion() string {
	const module = "github.com/caddy-cookie-consent/caddy-cookie-consent"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if info.Main.Path == module {
		return info.Main.Version
	}
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	return "unknown"
}
