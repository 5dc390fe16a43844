#!/bin/sh
# Measures Larder beside its peers: bench/peers/run.sh [FLAGS OF peers]. What is
# missing is installed first: Redis from Debian's packages (its binary only, which no
# service starts).
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
make --silent build >&2
(cd bench/peers && go build -trimpath -o "../../$peers/peers" .)
exec "$peers/peers" --redis-server "$redis" "$@"
