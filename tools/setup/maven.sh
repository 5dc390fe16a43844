#!/bin/sh
# Fetches the jars that tools/setup/maven/NAME.xml names, and those that they need, into
# .larder/jars/NAME: maven.sh kafka | flink | spark. The sums of all of them are pinned.
# Nothing is fetched when they are there and right. maven.sh NAME --pin writes the sums.
# Maven keeps its own files in .larder/maven.
set -eu
cd "$(dirname "$0")/../.."

name=$1
pom=tools/setup/maven/$name.xml sums=$PWD/tools/setup/maven/$name.sha256
target=.larder/jars/$name
checksums() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }
right() { [ -d "$1" ] && (cd "$1" && checksums *.jar) 2>/dev/null | cmp -s - "$sums"; }

if [ "${2:-}" != --pin ] && right "$target"; then
	exit 0
fi
tools/setup/java.sh
echo "setup: fetching the jars of $pom (once)"
mkdir -p .larder/jars .larder/maven
part=$(mktemp -d "$PWD/.larder/jars/part-XXXXXX")
trap 'rm -rf "$part"' EXIT
mvn -q -B "-Dmaven.repo.local=$PWD/.larder/maven" -f "$pom" org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies -DoutputDirectory="$part" -DincludeScope=runtime
if [ "${2:-}" = --pin ]; then
	(cd "$part" && checksums *.jar) >"$sums"
elif ! right "$part"; then
	echo "setup: the jars of $pom are not those that were pinned:" >&2
	(cd "$part" && checksums *.jar) | diff "$sums" - >&2 || true
	exit 1
fi
rm -rf "$target"
mv "$part" "$target"
