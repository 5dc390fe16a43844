#!/bin/sh
# Measures Larder beside its peers: bench/peers/run.sh [FLAGS OF peers]. What is
# missing is installed first: Redis from Debian's packages (its binary only, which no
# service starts), and Feast into .larder/venv/peers, from versions and sums that are
# pinned.
set -eu
cd "$(dirname "$0")/../.."

peers=.larder/peers
mkdir -p "$peers"
if redis=$(command -v redis-server); then
	:
else
	# Debian keeps the binary in redis-tools under the name of another of its uses;
	# it is the server unless it is called by that.
	if [ ! -x /usr/bin/redis-check-rdb ]; then
		if ! command -v apt-get >/dev/null; then
			echo "peers: Redis is missing; install redis-server 7" >&2
			exit 1
		fi
		as_root=
		[ "$(id -u)" = 0 ] || as_root=sudo
		echo "peers: installing redis-tools" >&2
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-tools >&2
	fi
	ln -sf /usr/bin/redis-check-rdb "$peers/redis-server"
	redis=$peers/redis-server
fi

pins=bench/peers/feast/requirements.txt
venv=.larder/venv/peers
if ! { [ -x "$venv/bin/feast" ] && cmp -s "$pins" "$venv/installed.txt"; }; then
	tools/setup/python.sh >&2
	echo "peers: installing Feast into $venv (once; minutes)" >&2
	rm -rf "$venv"
	.larder/venv/python/bin/python -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$pins" >&2
	cp "$pins" "$venv/installed.txt"
fi

make --silent build >&2
# Larder may need other versions by now than when peers was last built.
(cd bench/peers && go build -mod=mod -trimpath -o "../../$peers/peers" .)
exec "$peers/peers" --redis-server "$redis" "$@"
