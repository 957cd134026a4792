package inventory

import "strings"

// suggestion is what to do about something undeclared.
type suggestion struct {
	Text string
	Line string // that declares it, in a service block
}

// suggest says what to do about an entry, unless somebody knows better.
func (a *Admin) suggest(e Entry) suggestion {
	s := suggestion{Text: usual(e), Line: line(e)}
	if a.Suggest != nil {
		if better := a.Suggest(e); better != "" {
			s.Text = better
		}
	}
	return s
}

// usual says what to do about an entry of which nobody knows more.
func usual(e Entry) string {
	switch {
	case e.Name == "*":
		return "All of its name is made up anew each time, so that no declaration fits it. Find what sets it on the example page."
	case e.Kind == KindCookie && e.Setter == "response":
		return "The site's server sets it. Declare it in the service that needs it, or have the server stop."
	case e.Kind == KindCookie && e.Setter == "script":
		return "A script sets it. Find which one on the example page, and declare it in that script's service."
	case e.Kind == KindCookie:
		return "Browsers send it and nothing was seen to set it: it is left over, or another site of the domain sets it. Declare it if this site reads it."
	case e.Kind == KindStorage:
		return "A script keeps it in the browser. Find which one on the example page, and declare it in that script's service."
	case e.Setter == "report":
		return "A script asks for it. Declare it in that script's service, or remove the script."
	}
	return "Pages load from it. Declare it in a service, or serve the file from the site itself."
}

// line returns the line that declares an entry.
func line(e Entry) string {
	switch {
	case e.Name == "*":
		return ""
	case e.Kind == KindStorage && e.Area != "":
		return "storage " + e.Area + " " + token(e.Name)
	}
	return string(e.Kind) + " " + token(e.Name)
}

// token writes a name as one token of a Caddyfile.
func token(name string) string {
	if !strings.ContainsAny(name, " \"`{}#\\") {
		return name
	}
	if !strings.Contains(name, "`") {
		return "`" + name + "`"
	}
	return `"` + strings.ReplaceAll(name, `"`, `\"`) + `"`
}
