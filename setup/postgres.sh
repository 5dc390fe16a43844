#!/bin/sh
# Makes sure that Postgres's binaries are there. Debian's package is installed
# without its cluster; Larder starts private ones.
set -eu

found() {
	[ -n "${LARDER_POSTGRES_BIN:-}" ] || command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1
}
if found; then
	exit 0
fi
if ! command -v apt-get >/dev/null; then
	echo "setup: Postgres is missing; install it, or set LARDER_POSTGRES_BIN to the folder of postgres and initdb" >&2
	exit 1
fi
as_root=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "setup: Postgres is missing; have root run: apt-get install postgresql" >&2
		exit 1
	fi
	as_root=sudo
fi
echo "setup: installing Postgres, without a cluster"
$as_root mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] ||
	echo "create_main_cluster = false" | $as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql
