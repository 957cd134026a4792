package rewriter

// Frame is content with a box of its own that is held back.
type Frame struct {
	Service string // id; empty when no service declares its host
	Address string // of the content, as the page has it
	Anchor  string // the fragment to come back to: the element's id, or one of ours
	Form    Form
}

// Form says what a stand-in is put in as.
type Form uint8

// Forms of stand-ins.
const (
	Srcdoc  Form = iota // a whole document, for the srcdoc of an iframe
	Element             // an element, behind a video or audio that plays nothing
	Address             // the address of a page, for frame, object and embed
)
