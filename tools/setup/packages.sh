#!/bin/sh
# Makes sure that a C compiler and Postgres's binaries are there, from Debian's
# packages where apt-get is. Postgres comes without a cluster: Larder starts
# private ones.
set -eu

missing=
command -v cc >/dev/null || missing="gcc libc6-dev"
[ -n "${LARDER_POSTGRES_BIN:-}" ] || command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb \
	/opt/homebrew/opt/postgresql@*/bin/initdb 2>/dev/null | grep -q . || missing="$missing postgresql"
if [ -z "$missing" ]; then
	exit 0
fi
if ! command -v apt-get >/dev/null; then
	echo "setup: missing: $missing (by Debian's names); install a C compiler as cc, and Postgres; LARDER_POSTGRES_BIN may name the folder of postgres and initdb" >&2
	exit 1
fi
as_root=
if [ "$(id -u)" != 0 ]; then
	as_root=sudo
	if ! command -v sudo >/dev/null; then
		echo "setup: have root run: apt-get install" $missing >&2
		exit 1
	fi
fi

echo "setup: installing" $missing
# Debian's package makes and starts a cluster unless this file forbids it; the
# file is put back as the package has it.
policy=/etc/postgresql-common/createcluster.conf
if [ ! -e "$policy" ]; then
	$as_root mkdir -p "$(dirname "$policy")"
	echo "create_main_cluster = false" | $as_root tee "$policy" >/dev/null
	trap 'template=/usr/share/postgresql-common/createcluster.conf; if [ -e "$template" ]; then $as_root cp "$template" "$policy"; else $as_root rm -f "$policy"; fi' EXIT
fi
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
