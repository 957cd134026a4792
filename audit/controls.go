package audit

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

//go:embed controls.js
var controlsScript string

// role is what a control does.
type role string

const (
	accepts  role = "accept"
	refuses  role = "refuse"
	settings role = "settings" // opens the choices
	saves    role = "save"     // confirms them
	reopens  role = "withdraw" // opens them again
)

// control is one control in the page.
type control struct {
	Manager string `json:"manager"` // empty: known by its words
	Role    role   `json:"role"`
	Label   string `json:"label"` // as the page shows it

	world runtime.ExecutionContextID
	index int
}

// findControls is the expression that finds the controls of a document.
func findControls(anywhere bool) string {
	known, err := json.Marshal(managers)
	if err != nil {
		panic(err) // plain strings
	}
	words, err := json.Marshal(map[role][]string{
		accepts: accepting, refuses: refusing, settings: setting, saves: saving, reopens: reopening, "asking": asking,
	})
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("(%s)(%s, %s, %t)", controlsScript, known, words, anywhere)
}

// controls lists the visible controls of every frame, those of known managers
// first in each, and the managers that are present. anywhere takes words of a
// choice outside of banners too, as on a page about cookies.
func (t *tab) controls(anywhere bool) (controls []control, present []string) {
	for _, frame := range t.frames() {
		world, err := t.world(frame.ID)
		if err != nil {
			continue // the frame is gone
		}
		var here struct {
			Present  []string
			Controls []control
		}
		if t.evaluate(world, findControls(anywhere), &here) != nil {
			continue
		}
		present = append(present, here.Present...)
		for i, c := range here.Controls {
			c.world, c.index = world, i
			controls = append(controls, c)
		}
	}
	return controls, present
}

// waitForControls lists the controls once there is one of the wanted roles, or
// after patience. Consent managers may come long after the page is at rest.
func (t *tab) waitForControls(patience time.Duration, anywhere bool, wanted ...role) (controls []control, present []string) {
	limit := time.Now().Add(patience)
	for {
		controls, present = t.controls(anywhere)
		if first(controls, wanted...) != nil || !time.Now().Before(limit) {
			return controls, present
		}
		again := time.NewTimer(100 * time.Millisecond)
		select {
		case <-again.C:
		case <-t.Done():
			again.Stop()
			return nil, nil
		}
	}
}

// first returns the first control of the first wanted role that there is.
func first(controls []control, wanted ...role) *control {
	for _, r := range wanted {
		for i := range controls {
			if controls[i].Role == r {
				return &controls[i]
			}
		}
	}
	return nil
}

// element is the expression for a control in its world.
func (c *control) element() string {
	return fmt.Sprintf("globalThis.cookieConsentAuditControls[%d]", c.index)
}

// click clicks on a control as a visitor does: with the mouse where it can be hit,
// as its keyboard would where something lies over it. It then waits for rest.
func (t *tab) click(c *control) error {
	result, err := call(t, runtime.Evaluate, runtime.EvaluateParams{Expression: c.element(), ContextID: c.world})
	if err != nil {
		return err
	}
	if result.Result == nil || result.Result.ObjectID == "" {
		return errors.New("the control is gone")
	}
	id := result.Result.ObjectID
	if !t.hit(id) {
		if err := t.evaluate(c.world, c.element()+".click()", nil); err != nil {
			return err
		}
	}
	t.settle()
	return nil
}

// hitScript tells whether the middle of an element would take a click.
const hitScript = `function () {
	const box = this.getBoundingClientRect();
	const at = this.getRootNode().elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
	return at !== null && (at === this || this.contains(at) || at.contains(this) && at.closest("label, a, button") === at);
}`

// hit clicks into the middle of an element, and reports whether it could.
func (t *tab) hit(id runtime.RemoteObjectID) bool {
	if _, err := call(t, dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{ObjectID: id}); err != nil {
		return false
	}
	yes := true
	hits, err := call(t, runtime.CallFunctionOn, runtime.CallFunctionOnParams{FunctionDeclaration: hitScript, ObjectID: id, ReturnByValue: &yes})
	if err != nil || hits.Result == nil || string(hits.Result.Value) != "true" {
		return false
	}
	box, err := call(t, dom.GetContentQuads, dom.GetContentQuadsParams{ObjectID: id})
	if err != nil || len(box.Quads) == 0 || len(box.Quads[0]) < 8 {
		return false
	}
	q := box.Quads[0]
	x, y := (q[0]+q[2]+q[4]+q[6])/4, (q[1]+q[3]+q[5]+q[7])/4
	for _, kind := range []input.DispatchMouseEventType{chromedp.MouseMoved, chromedp.MousePressed, chromedp.MouseReleased} {
		p := input.DispatchMouseEventParams{Type: kind, X: x, Y: y}
		if kind != chromedp.MouseMoved {
			p.Button, p.ClickCount = "left", 1
		}
		if _, err := call(t, input.DispatchMouseEvent, p); err != nil {
			return false
		}
	}
	return true
}

// untickScript unticks what is ticked around a control, and counts it.
const untickScript = `((e) => {
	let around = e;
	for (let up = e; up; up = up.parentNode ?? up.host) {
		if (up.matches?.("dialog, form, [role=dialog], [role=alertdialog], [aria-modal=true], body")) { around = up; break; }
		if (up instanceof ShadowRoot) { around = up; break; }
	}
	const ticked = [...around.querySelectorAll("input[type=checkbox]:checked:not(:disabled), [role=switch][aria-checked=true]:not([aria-disabled=true]):not(:disabled)")];
	ticked.forEach((box) => box.click());
	return ticked.length;
})`

// untick unticks the boxes around a control, and returns how many were ticked.
func (t *tab) untick(c *control) int {
	n := 0
	_ = t.evaluate(c.world, untickScript+"("+c.element()+")", &n)
	return n
}
