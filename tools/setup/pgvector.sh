#!/bin/sh
# Installs pgvector for the installed versions of Postgres, where Debian has a package of
# it and root's rights are at hand. Without it, tests send its bytes with types of their
# own.
set -eu

command -v apt-get >/dev/null || exit 0
missing=
for dir in /usr/lib/postgresql/*/bin; do
	version=$(basename "$(dirname "$dir")")
	package=postgresql-$version-pgvector
	if [ -d "$dir" ] && [ ! -e "/usr/share/postgresql/$version/extension/vector.control" ] && apt-cache show "$package" >/dev/null 2>&1; then
		missing="$missing $package"
	fi
done
as_root=
if [ "$(id -u)" != 0 ]; then
	as_root="sudo -n"
	$as_root true 2>/dev/null || exit 0
fi
if [ -n "$missing" ]; then
	echo "setup: installing$missing"
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi
