#!/bin/sh
# Unpacks RabbitMQ and Erlang from Debian's packages into .larder/rabbitmq, without
# installing them: no root's rights are needed, and no service starts. apt checks the sum
# of each file against the signed index. Nothing is fetched when it is there.
set -eu
cd "$(dirname "$0")/../.."

rabbitmq=3.10.8 erlang=25.2.3 # of Debian 12
target=.larder/rabbitmq
if [ "$(cat "$target/installed" 2>/dev/null)" = "$rabbitmq $erlang" ]; then
	exit 0
fi
for tool in apt-get dpkg; do
	if ! command -v "$tool" >/dev/null; then
		echo "setup: $tool is missing: RabbitMQ is taken from Debian's packages; run this on Debian 12" >&2
		exit 1
	fi
done
echo "setup: fetching RabbitMQ $rabbitmq and Erlang $erlang (36 MB, once)"
mkdir -p "$target"
part=$(mktemp -d "$PWD/$target/part-XXXXXX")
trap 'rm -rf "$part"' EXIT
mkdir -p "$part/apt/state/lists/partial" "$part/apt/cache/archives/partial" "$part/debs" "$part/root" "$part/bin"
apt="apt-get -qq -o Dir::State=$part/apt/state -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache=$part/apt/cache -o Debug::NoLocking=1"
[ "$(id -u)" != 0 ] || apt="$apt -o APT::Sandbox::User=root" # the folder is root's
packages="rabbitmq-server=$rabbitmq-*"
for name in base asn1 crypto eldap ftp inets mnesia os-mon parsetools public-key runtime-tools snmp ssl syntax-tools tftp tools xmerl; do
	packages="$packages erlang-$name=1:$erlang+*"
done
$apt update
(cd "$part/debs" && $apt download $packages)
for deb in "$part"/debs/*.deb; do
	dpkg -x "$deb" "$part/root"
done
# Debian's erl looks for Erlang in /usr/lib/erlang; this one looks beside itself.
sed 's#^\( *\)ROOTDIR=.*/usr/lib/erlang.*#\1ROOTDIR=$(cd "$(dirname "$0")/../root/usr/lib/erlang" \&\& pwd)#' "$part/root/usr/lib/erlang/bin/erl" >"$part/bin/erl"
grep -q 'dirname "$0")/../root' "$part/bin/erl" || { echo "setup: Debian's erl is not as expected" >&2; exit 1; }
chmod +x "$part/bin/erl"
ln -s "$(cd "$part/root/usr/lib/erlang" && ls -d erts-*)" "$part/root/usr/lib/erlang/erts"
rm -rf "$target/root" "$target/bin"
mv "$part/root" "$part/bin" "$target/"
echo "$rabbitmq $erlang" >"$target/installed"
