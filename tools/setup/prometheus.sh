#!/bin/sh
# Unpacks promtool from Debian's package of Prometheus into .larder/prometheus, without
# installing it: no root's rights are needed, and no service starts. apt checks the sum
# of the file against the signed index. Nothing is fetched when it is there.
set -eu
cd "$(dirname "$0")/../.."

prometheus=2.42.0 # of Debian 12
target=.larder/prometheus
if [ "$(cat "$target/installed" 2>/dev/null)" = "$prometheus" ]; then
	exit 0
fi
for tool in apt-get dpkg; do
	if ! command -v "$tool" >/dev/null; then
		echo "setup: $tool is missing: promtool is taken from Debian's packages; run this on Debian 12" >&2
		exit 1
	fi
done
echo "setup: fetching Prometheus $prometheus, for promtool (18 MB, once)"
mkdir -p "$target"
part=$(mktemp -d "$PWD/$target/part-XXXXXX")
trap 'rm -rf "$part"' EXIT
mkdir -p "$part/apt/state/lists/partial" "$part/apt/cache/archives/partial" "$part/debs" "$part/root"
apt="apt-get -qq -o Dir::State=$part/apt/state -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache=$part/apt/cache -o Debug::NoLocking=1"
[ "$(id -u)" != 0 ] || apt="$apt -o APT::Sandbox::User=root" # the folder is root's
$apt update
(cd "$part/debs" && $apt download "prometheus=$prometheus*")
dpkg -x "$part"/debs/prometheus_*.deb "$part/root"
mv "$part/root/usr/bin/promtool" "$target/promtool"
echo "$prometheus" >"$target/installed"
