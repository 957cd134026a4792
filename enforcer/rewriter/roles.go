package rewriter

// role is what an element is to those around it.
type role uint16

const (
	block      role = 1 << iota // it closes an open p
	special                     // WHATWG 13.2.4.2
	scoped                      // its end tag ends it from anywhere in its scope
	formatting                  // by its end tag, what is special in it is not closed
	scope                       // bounds most of what an end tag ends
	buttonScope
	listScope
	tableScope
	passable // an item ends another from inside of it, though it is special
	heading
	section // of a table, or a group of its columns
	row
	cell
)

// rule is what is particular about an element's start tag or end tag.
type rule uint8

const (
	free      rule = iota
	unstacked      // it has no end tag, or is one of the document's own
	aParagraph
	anItem
	aDefinition
	aHeading
	anOption
	anOptionGroup
	aRuby
	aButton
	aSelect
	aLink
	aForm
	aTemplate
	aTable
	aTablePart
)

// roles are the elements of HTML that are not like any other.
var roles = []struct {
	rule  rule
	role  role
	names string
}{
	{unstacked, 0, "area base basefont bgsound br col embed frame image img input keygen link meta param source track wbr html head body frameset"},
	{unstacked, block, "hr"},
	{free, special, "iframe noembed noframes noscript script style textarea title"},
	{free, special | block, "plaintext xmp"},
	{free, special | block | scoped, "article aside blockquote center details dialog dir dl fieldset figcaption figure footer header hgroup listing main menu nav pre search section summary"},
	{free, special | block | scoped | passable, "address div"},
	{free, special | block | scoped | listScope, "ol ul"},
	{free, special | scoped | scope, "applet marquee object"},
	{free, formatting, "b big code em font i s small strike strong tt u"},
	{aParagraph, special | block | passable, "p"},
	{anItem, special | block, "li"},
	{aDefinition, special | block | scoped, "dd dt"},
	{aHeading, special | block | heading, "h1 h2 h3 h4 h5 h6"},
	{anOption, 0, "option"},
	{anOptionGroup, 0, "optgroup"},
	{aRuby, 0, "rb rp rt rtc"},
	{aButton, special | scoped | buttonScope, "button"},
	{aSelect, special | scoped, "select"},
	{aLink, formatting, "a nobr"},
	{aForm, special | block | scoped, "form"},
	{aTemplate, special | scope | tableScope, "template"},
	{aTable, special | block | scope | tableScope, "table"},
	{aTablePart, special | scope | cell, "td th"},
	{aTablePart, special | scope | section, "caption"},
	{aTablePart, special | row, "tr"},
	{aTablePart, special | section, "colgroup tbody tfoot thead"},
}
