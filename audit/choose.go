package audit

import (
	"errors"
	"slices"
)

// Why a choice could not be made.
var (
	errNoAccept   = errors.New("no control to accept was found")
	errNoRefuse   = errors.New("no control to refuse was found")
	errNoWithdraw = errors.New("no way to withdraw was found")
	errNoEffect   = errors.New("the control is still there after a click")
)

// layer looks at what the first layer of the page offers, and notes it.
func (a *auditor) layer(t *tab) []control {
	controls, present := t.waitForControls(a.Patience, false, accepts, refuses)
	a.mu.Lock()
	defer a.mu.Unlock()
	l := &a.report.Layer
	for c, label := range map[role]*string{accepts: &l.Accept, refuses: &l.Refuse, settings: &l.Settings} {
		if found := first(controls, c); found != nil && *label == "" {
			*label = found.Label
		}
	}
	if a.report.Manager == "" {
		if i := slices.IndexFunc(controls, func(c control) bool { return c.Manager != "" && c.Role != reopens }); i >= 0 {
			a.report.Manager = controls[i].Manager
		} else if len(present) > 0 {
			a.report.Manager = present[0]
		}
	}
	return controls
}

// accept accepts everything.
func (a *auditor) accept(t *tab) error {
	c := first(a.layer(t), accepts)
	if c == nil {
		return errNoAccept
	}
	if err := t.press(c); err != nil {
		return err
	}
	a.note(func(l *Layer) { l.AcceptClicks = 1 })
	return nil
}

// note notes something about the first layer.
func (a *auditor) note(what func(*Layer)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	what(&a.report.Layer)
}

// refuse refuses everything that can be refused, on the first layer or behind it.
func (a *auditor) refuse(t *tab) error {
	clicks, unticked, err := t.refuse(a.layer(t), a, false)
	if err == nil {
		a.note(func(l *Layer) { l.RefuseClicks, l.PreTicked = clicks, unticked })
	}
	return err
}

// refuse goes through layers until there is a refusal, and counts clicks and the
// boxes that were ticked.
func (t *tab) refuse(controls []control, a *auditor, anywhere bool) (clicks, unticked int, err error) {
	if c := first(controls, refuses); c != nil {
		return 1, 0, t.press(c)
	}
	open := first(controls, settings)
	if open == nil {
		if c := first(controls, saves); anywhere && c != nil {
			return t.saveNothing(c, 0)
		}
		return 0, 0, errNoRefuse
	}
	if err := t.click(open); err != nil {
		return 0, 0, err
	}
	controls, _ = t.waitForControls(a.Patience, true, refuses, saves)
	if c := first(controls, refuses); c != nil {
		return 2, 0, t.press(c)
	}
	if c := first(controls, saves); c != nil {
		return t.saveNothing(c, 1)
	}
	return 0, 0, errNoRefuse
}

// saveNothing saves a choice without anything ticked.
func (t *tab) saveNothing(c *control, before int) (clicks, unticked int, err error) {
	unticked = t.untick(c)
	return before + unticked + 1, unticked, t.press(c)
}

// press clicks on an answer, and reports when that does nothing: when the control
// can still be seen. It tries the keyboard's way then.
func (t *tab) press(c *control) error {
	if err := t.click(c); err != nil {
		return err
	}
	if !t.still(c) {
		return nil
	}
	_ = t.evaluate(c.world, c.element()+".click()", nil)
	t.settle()
	if t.still(c) {
		return errNoEffect
	}
	return nil
}

// still reports whether a control is where it was, and visible.
func (t *tab) still(c *control) bool {
	there := false
	err := t.evaluate(c.world, c.element()+"?.isConnected && "+c.element()+".checkVisibility({checkOpacity: true, checkVisibilityCSS: true}) && "+
		c.element()+".getBoundingClientRect().width > 1", &there)
	return err == nil && there
}

// ways bounds how many ways to withdraw are tried.
const ways = 3

// withdraw withdraws what was accepted, by the control of the module, of the
// manager, or by what the words of a link promise.
func (a *auditor) withdraw(t *tab) error {
	start := t.location()
	controls, _ := t.waitForControls(a.Patience, false, reopens, refuses)
	if c := first(controls, refuses); c != nil { // never hidden: it is the way
		a.note(func(l *Layer) { l.Withdraw = c.Label })
		return t.press(c)
	}
	err := errNoWithdraw
	for i := range ways {
		candidates := slices.DeleteFunc(slices.Clone(controls), func(c control) bool { return c.Role != reopens })
		if i >= len(candidates) {
			break
		}
		c := &candidates[i]
		if t.click(c) != nil {
			continue
		}
		offered, _ := t.waitForControls(a.Patience, true, refuses, saves, settings)
		if _, _, err = t.refuse(offered, a, true); err == nil {
			a.note(func(l *Layer) { l.Withdraw = c.Label })
			return nil
		}
		if i+1 < len(candidates) {
			t.visit(start)
			controls, _ = t.controls(false)
		}
	}
	if errors.Is(err, errNoRefuse) {
		return errNoWithdraw
	}
	return err
}
