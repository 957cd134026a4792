package rewriter

// open is an element on the stack of open elements (WHATWG 13.2.4.2). html, head
// and body are not on it: no end tag takes them off.
type open struct {
	id uint64 // of its name
	shape
	in   kind // whose it is: svg, mathML, or plain for HTML
	html bool // the tags in it are read by the rules of HTML
}

// shape is what an element is to the stack.
type shape struct {
	kind kind
	rule rule
	role role
}

// maxOpen bounds how deep elements are followed, as browsers do.
const maxOpen = 512

// tag is what the name of a tag says.
type tag struct {
	id uint64
	*element
}

func (o *open) is(t tag) bool { return o.id == t.id && o.in == plain }

// begin follows a start tag of HTML (WHATWG 13.2.6.4.7), as far as it decides
// which elements are open. Active formatting elements are not reconstructed.
func (r *Rewriter) begin(t tag) {
	n := len(r.open)
	if r.paragraph > 0 && r.paragraph <= n && t.role&block != 0 {
		r.closeParagraph()
		n = len(r.open)
	}
	switch {
	case t.rule == free:
	case t.rule == aParagraph:
		r.paragraph = n + 1
	case t.rule == unstacked:
		return
	case n > 0 && r.open[n-1].role&t.under != 0:
	case !r.makeRoom(t):
		return
	}
	if o := r.push(); o != nil {
		o.id, o.shape = t.id, t.shape
	}
}

// push returns a new innermost element, nil when there are too many.
func (r *Rewriter) push() *open {
	n := len(r.open)
	switch {
	case n < cap(r.open):
		r.open = r.open[:n+1]
		r.open[n] = open{}
	case n < maxOpen:
		r.open = append(r.open, open{})
	default:
		return nil
	}
	return &r.open[n]
}

// close takes the elements from n on off the stack.
func (r *Rewriter) close(n int) {
	for i := len(r.open) - 1; i >= n && r.template > 0; i-- {
		if r.open[i].rule == aTemplate {
			r.template--
		}
	}
	r.open = r.open[:n]
	if n < r.foreign {
		r.foreign = 0
	}
}

// remove takes one element off the stack, and leaves those inside of it.
func (r *Rewriter) remove(n int) {
	if n == len(r.open)-1 {
		r.close(n)
		return
	}
	r.open = append(r.open[:n], r.open[n+1:]...)
	if n < r.foreign-1 {
		r.foreign--
	}
	if n < r.paragraph-1 {
		r.paragraph--
	}
	if n < r.link-1 {
		r.link--
	}
}

// innermost returns the place of the innermost element that is t, or -1 when
// there is none, or one with a role of bars inside of which it is.
func (r *Rewriter) innermost(t tag, bars role) int {
	for n := len(r.open) - 1; n >= 0; n-- {
		if o := &r.open[n]; o.is(t) {
			return n
		} else if o.role&bars != 0 {
			break
		}
	}
	return -1
}

// nearest returns the place of the innermost element with one of roles, or -1.
func (r *Rewriter) nearest(roles role) int {
	n := len(r.open) - 1
	for n >= 0 && r.open[n].role&roles == 0 {
		n--
	}
	return n
}

// closeParagraph closes the open p, if it is in button scope.
func (r *Rewriter) closeParagraph() {
	n := r.paragraph - 1
	r.paragraph = 0
	if n == len(r.open)-1 || r.open[n].rule == aParagraph && r.nearest(scope|buttonScope) < n {
		r.close(n)
	}
}

// makeRoom closes what the start tag of t ends, and reports whether it opens an
// element.
func (r *Rewriter) makeRoom(t tag) bool {
	top := len(r.open) - 1
	switch t.rule {
	case anItem, aDefinition:
		for n := top; n >= 0; n-- {
			if o := &r.open[n]; o.rule == t.rule {
				r.close(n)
				break
			} else if o.role&special != 0 && o.role&passable == 0 {
				break
			}
		}
	case aHeading, anOption, aRuby:
		if top >= 0 && r.open[top].rule == t.rule {
			r.close(top)
		}
	case anOptionGroup:
		for top >= 0 && (r.open[top].rule == anOption || r.open[top].rule == anOptionGroup) {
			r.close(top)
			top--
		}
	case aButton, aSelect:
		if n := r.innermost(t, scope); n >= 0 {
			r.close(n)
			return t.rule == aButton
		}
	case aLink:
		if r.link > 0 && r.link <= top+1 && r.open[r.link-1].rule == aLink {
			r.endFormatting(t)
		}
		r.link = len(r.open) + 1
	case aForm:
		return r.template > 0 || r.innermost(t, 0) < 0
	case aTemplate:
		if len(r.open) < maxOpen {
			r.template++
		}
	case aTable:
		if n := r.nearest(tableScope | cell); n >= 0 && r.open[n].rule == aTable {
			r.close(n)
		}
	case aTablePart:
		n := r.nearest(tableScope)
		if n < 0 {
			return false
		}
		r.close(max(n, r.nearest(t.around)) + 1)
	}
	return true
}

// endInner follows an end tag with this id if it ends the innermost element, or
// the one around that and that needs no end tag.
func (r *Rewriter) endInner(id uint64) bool {
	n := len(r.open) - 1
	switch {
	case n < 0:
	case r.open[n].id == id:
		r.open = r.open[:n]
		return true
	case n > 0 && r.open[n-1].id == id && (r.open[n].rule == anItem || r.open[n].rule == aParagraph):
		r.open = r.open[:n-1]
		return true
	}
	return false
}

// end follows an end tag of HTML.
func (r *Rewriter) end(t tag) {
	bars := special
	switch {
	case t.rule == unstacked:
		return
	case t.rule == aForm && r.template == 0:
		if n := r.innermost(t, scope); n >= 0 {
			r.remove(n)
		}
		return
	case t.rule == aHeading:
		if n := r.nearest(heading | scope); n >= 0 && r.open[n].rule == aHeading {
			r.close(n)
		}
		return
	case t.role&formatting != 0:
		r.endFormatting(t)
		return
	case t.rule == aTemplate:
		bars = 0
	case t.rule == aTable, t.rule == aTablePart:
		bars = tableScope
	case t.rule == aParagraph:
		bars = scope | buttonScope
	case t.rule == anItem:
		bars = scope | listScope
	case t.role&scoped != 0:
		bars = scope
	}
	if n := r.innermost(t, bars); n >= 0 {
		r.close(n)
	}
}

// endFormatting follows the adoption agency algorithm: what is special inside of
// the element stays open.
func (r *Rewriter) endFormatting(t tag) {
	if n := r.innermost(t, scope); n >= 0 {
		r.close(max(n, r.nearest(special)) + 1)
		r.remove(n)
	}
}
