package config

// Later reports the first setting whose work this version does not do yet, so
// that no setting is silently without effect.
func (s *Site) Later() error {
	notYet := func(path, what string) error {
		return problem(path, "%s not part of this version yet; leave the setting out", what)
	}
	for _, setting := range []struct {
		set        bool
		path, what string
	}{
		{s.Mode == "observe", "mode", "observe mode is"},
	} {
		if setting.set {
			return notYet(setting.path, setting.what)
		}
	}
	return nil
}
