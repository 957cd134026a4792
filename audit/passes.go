package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// passes makes all passes: the first alone, since it finds the pages, and the others
// beside each other, since most of the time is spent waiting.
func (a *auditor) passes(ctx context.Context) error {
	if err := a.pass(ctx, 0); err != nil {
		return fmt.Errorf("%s: %w", Before.Title(), err)
	}
	if a.Declaration == nil {
		a.Declaration = a.published(ctx)
	}
	var group sync.WaitGroup
	failures := make([]error, len(Passes))
	turns := make(chan struct{}, a.Parallel)
	for i := 1; i < len(Passes); i++ {
		group.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			if err := a.pass(ctx, i); err != nil {
				failures[i] = fmt.Errorf("%s: %w", Passes[i].Title(), err)
			}
		})
	}
	group.Wait()
	return errors.Join(failures...)
}

// pass visits the site once, in a profile of its own, and adds what it saw to the
// report. Its error is one that ends the audit.
func (a *auditor) pass(ctx context.Context, number int) error {
	pass := Passes[number]
	t, err := a.open(pass)
	if err != nil {
		return err
	}
	defer t.close()
	stop := context.AfterFunc(ctx, t.close)
	defer stop()
	if err := a.login(t, pass); err != nil {
		return err
	}
	seen := newCollector(pass, a.party, a.Now)
	err = a.choose(t, pass)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, ErrUnreachable) {
		return err
	}
	if err != nil {
		seen.visit.Problem = err.Error()
		a.mu.Lock()
		defer a.mu.Unlock()
		a.report.Passes[number] = seen.visit
		a.visited += len(a.pages)
		return nil
	}
	// What was asked for and sent until the choice was made belongs to no choice.
	t.recorder.take()
	if pass == Before {
		err = a.explore(ctx, t, seen)
	} else {
		err = a.tour(ctx, t, seen)
	}
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.report.Passes[number] = seen.done()
	return nil
}

// choose brings the visitor into the state of the pass.
func (a *auditor) choose(t *tab, pass Pass) error {
	if pass == Before || pass == GPC {
		return nil
	}
	a.tell(pass, a.start.String(), "looks for the consent controls")
	if p := t.visit(a.start.String()); p.Problem != "" {
		return fmt.Errorf("%w: %s", ErrUnreachable, p.Problem)
	}
	if pass == Refused {
		return a.refuse(t)
	}
	if err := a.accept(t); err != nil || pass == Accepted {
		return err
	}
	t.visit(a.start.String()) // so that there is something to withdraw from
	a.tell(pass, a.start.String(), "looks for a way to withdraw")
	return a.withdraw(t)
}

// login runs the login script.
func (a *auditor) login(t *tab, pass Pass) error {
	if a.Login == nil {
		return nil
	}
	a.tell(pass, "", "logs in")
	return a.Login.run(t, a.start)
}

// explore visits the site before any choice, and finds its pages on the way when
// it has no sitemap.
func (a *auditor) explore(ctx context.Context, t *tab, seen *collector) error {
	first, err := a.page(ctx, t, seen, a.start.String())
	if err != nil {
		return err
	}
	if first.Problem != "" {
		return fmt.Errorf("%w: %s", ErrUnreachable, first.Problem)
	}
	if first.Status >= 400 {
		return fmt.Errorf("%w: it answers %d", ErrUnreachable, first.Status)
	}
	a.layer(t)
	a.findModule(t)
	a.report.Source = "sitemap"
	pages := a.sitemap(ctx)
	if len(choosePages(a.start.String(), pages, 2)) == 1 {
		a.report.Source = "links"
		pages = a.links(t)
	}
	a.pages = choosePages(a.start.String(), pages, a.Pages)
	for i := 1; i < len(a.pages); i++ {
		if _, err := a.page(ctx, t, seen, a.pages[i]); err != nil {
			return err
		}
		if a.report.Source == "links" && len(a.pages) < a.Pages {
			pages = append(pages, a.links(t)...)
			a.pages = slices.Concat(a.pages[:i+1], remaining(choosePages(a.start.String(), pages, a.Pages), a.pages[:i+1]))
		}
	}
	return nil
}

// remaining returns the pages that were not visited.
func remaining(pages, visited []string) []string {
	return slices.DeleteFunc(pages, func(p string) bool { return slices.Contains(visited, p) })
}

// tour visits the pages that were found.
func (a *auditor) tour(ctx context.Context, t *tab, seen *collector) error {
	for _, p := range a.pages {
		if _, err := a.page(ctx, t, seen, p); err != nil {
			return err
		}
	}
	return nil
}

// page visits one page and notes what it does.
func (a *auditor) page(ctx context.Context, t *tab, seen *collector, address string) (Page, error) {
	a.tell(seen.visit.Pass, address, "visits")
	p := t.visit(address)
	if ctx.Err() != nil {
		return p, ctx.Err()
	}
	seen.visit.Pages = append(seen.visit.Pages, p)
	a.mu.Lock()
	a.visited++
	a.mu.Unlock()
	return p, seen.look(t, address)
}
