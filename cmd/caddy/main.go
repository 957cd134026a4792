// Command caddy is Caddy with its standard modules and cookie_consent.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-cookie-consent/caddy-cookie-consent"
)

func main() { caddycmd.Main() }
