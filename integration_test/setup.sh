#!/bin/sh
# Installs what the tests need and this Debian machine lacks. It runs as root, or
# with sudo. No service that comes with a package starts by itself.
set -eu

packages=
need() { # need COMMAND PACKAGE
	command -v "$1" >/dev/null 2>&1 || packages="$packages $2"
}
need chromium chromium
need curl curl
need gcc "gcc libc6-dev" # for go test -race
need git git
need nginx nginx-light
need node nodejs
need npm npm
need varnishd varnish
[ -n "$(find /usr/lib/postgresql -name initdb 2>/dev/null)" ] || packages="$packages postgresql"
[ -n "$(find /usr/sbin -name 'php-fpm*')" ] || packages="$packages php-fpm"
# With php and nginx, WordPress is content without Apache.
[ -d /usr/share/wordpress ] || packages="$packages php wordpress"
php -m 2>/dev/null | grep -qx SimpleXML || packages="$packages php-xml" # for its feeds and sitemap
[ -d /usr/share/wordpress/wp-content/themes/twentytwentythree ] || packages="$packages wordpress-theme-twentytwentythree"
[ -x /usr/sbin/mariadbd ] || packages="$packages mariadb-server-core" # has no service
[ -x /usr/bin/python3 ] && /usr/bin/python3 -c 'import django' 2>/dev/null || packages="$packages python3 python3-django"

# Manuals in many styles and charsets, as pages for the rewriter. They are unpacked
# and not installed: minimal systems leave documentation out.
manuals="apache2-doc debian-faq developers-reference exim4-doc-html git-doc harden-doc libxml2-doc lynx-common python-django-doc"
pages="$(cd "$(dirname "$0")/.." && pwd)/.tools/pages"
wanted=
for manual in $manuals; do
	[ -d "$pages/$manual" ] || wanted="$wanted $manual"
done

[ -z "$packages$wanted" ] && exit 0

sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
echo "installing:$packages$wanted"

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap '$sudo rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
	$sudo chmod 755 "$policy"
fi
$sudo apt-get update -q
if [ -n "$packages" ]; then
	# shellcheck disable=SC2086 # a list of words
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages
fi
for manual in $wanted; do
	rm -rf "$pages/$manual.new"
	mkdir -p "$pages/$manual.new"
	if (cd "$pages/$manual.new" && apt-get download -q "$manual" && dpkg-deb -x ./*.deb . && rm -f ./*.deb); then
		mv "$pages/$manual.new" "$pages/$manual"
	else
		echo "without $manual; the test of real pages says whether enough are left" >&2
	fi
done
