#!/bin/sh
# Installs what the tests need and this Debian machine lacks. It runs as root, or
# with sudo. No service that comes with a package starts by itself.
set -eu

packages=
need() { # need COMMAND PACKAGE
	command -v "$1" >/dev/null 2>&1 || packages="$packages $2"
}
need chromium chromium
need gcc "gcc libc6-dev" # for go test -race
need git git
need node nodejs
need npm npm
[ -x /usr/bin/python3 ] && /usr/bin/python3 -c 'import django' 2>/dev/null || packages="$packages python3 python3-django"

[ -z "$packages" ] && exit 0

sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
echo "installing:$packages"

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap '$sudo rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
	$sudo chmod 755 "$policy"
fi
$sudo apt-get update -q
# shellcheck disable=SC2086 # a list of words
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages
