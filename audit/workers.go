package audit

import (
	"context"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// watchWorkers has dedicated workers begin only once their requests are listened
// to. Others cannot be held: they answer nothing before they begin.
func (t *tab) watchWorkers() error {
	yes := true
	_, err := call(t, target.SetAutoAttach, target.SetAutoAttachParams{
		AutoAttach: true, WaitForDebuggerOnStart: true, Flatten: &yes,
		Filter: target.Filter{{Type: "worker"}, {Exclude: true}},
	})
	return err
}

// heldWorker takes in a dedicated worker that is about to begin, and lets it.
func (t *tab) heldWorker(e *target.EventAttachedToTarget) {
	t.listenTo(e.TargetInfo.TargetID)
	// It begins once the session that it waits for is left.
	_, _ = call(t, target.DetachFromTarget, target.DetachFromTargetParams{SessionID: e.SessionID})
}

// freeWorker takes in a worker that has begun. What it asked for in its first
// moments may be missed.
func (t *tab) freeWorker(info *target.Info) {
	if (info.Type == "service_worker" || info.Type == "shared_worker") && info.BrowserContextID == t.profile() {
		t.listenTo(info.TargetID)
	}
}

// listenTo notes what a worker requests, as long as it lives.
func (t *tab) listenTo(id target.ID) {
	worker, cancel := chromedp.NewContext(t.Context, chromedp.WithTargetID(id), chromedp.WithListener(t.recorder.noteWorker), chromedp.WithDetachOnCancel())
	context.AfterFunc(t.Context, cancel)
	late := time.AfterFunc(step, cancel)
	defer late.Stop()
	if chromedp.Do(worker) != nil {
		cancel()
	}
}
