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

// Check finds the first mistake in g.
func (g *Global) Check() error {
	if g.Records != "" {
		if err := oneOf("records", g.Records, "sqlite", "postgres", "off"); err != nil {
			return err
		}
	}
	switch {
	case g.Records == "postgres" && g.RecordsTo == "":
		return problem("records", "postgres needs a connection string")
	case g.Records == "off" && g.RecordsTo != "":
		return problem("records", "off takes no file or connection string")
	case g.Retention < 0:
		return problem("retention", "proofs are kept for a positive time")
	}
	return nil
}

// Later reports the first setting whose work this version does not do yet.
func (g *Global) Later() error {
	switch {
	case g.Records == "sqlite" || g.Records == "postgres" || g.RecordsTo != "":
		return problem("records", "proof of consent is not part of this version yet; set `records off`")
	case g.Retention != 0:
		return problem("retention", "proof of consent is not part of this version yet; leave the setting out")
	}
	return nil
}
