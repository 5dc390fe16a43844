#!/bin/sh
# Installs Java and Maven from Debian's packages where they are missing: brokers and
# engines of tests need them, Larder doesn't.
set -eu

missing=
command -v java >/dev/null || missing="openjdk-17-jdk-headless"
command -v mvn >/dev/null || missing="$missing maven"
if [ -z "$missing" ]; then
	exit 0
fi
as_root=
if [ "$(id -u)" != 0 ]; then
	as_root="sudo -n"
fi
if ! command -v apt-get >/dev/null || ! $as_root true 2>/dev/null; then
	echo "setup: Java 17 or newer and Maven are missing; install them (Debian: apt-get install openjdk-17-jdk-headless maven)" >&2
	exit 1
fi
echo "setup: installing" $missing
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
