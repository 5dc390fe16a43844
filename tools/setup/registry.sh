#!/bin/sh
# Fetches Apicurio's schema registry into .larder/registry, from Maven, and checks its sum.
# Nothing is started, and nothing is fetched when it is there. Maven keeps its files in
# .larder/maven.
set -eu
cd "$(dirname "$0")/../.."

version=3.0.9
sum=2b28181501a20cbf6efcd77f9b7153908fc01f3d3a7c32024c0bd9e1b04c8a43
target=.larder/registry
checksum() { if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1; }

if [ -d "$target/app" ] && [ "$(cat "$target/installed.sha256" 2>/dev/null)" = "$sum" ]; then
	exit 0
fi
tools/setup/java.sh
echo "setup: fetching Apicurio Registry $version (109 MB, once)"
mkdir -p .larder/maven "$target"
mvn -q -B "-Dmaven.repo.local=$PWD/.larder/maven" org.apache.maven.plugins:maven-dependency-plugin:2.8:get \
	-Dartifact=io.apicurio:apicurio-registry-app:$version:tar.gz:all -Dtransitive=false
archive=.larder/maven/io/apicurio/apicurio-registry-app/$version/apicurio-registry-app-$version-all.tar.gz
if [ "$(checksum "$archive")" != "$sum" ]; then
	echo "setup: apicurio-registry-app $version is not the one that was pinned: its SHA-256 is $(checksum "$archive")" >&2
	exit 1
fi
part=$(mktemp -d "$target/part-XXXXXX")
trap 'rm -rf "$part"' EXIT
tar -xzf "$archive" -C "$part"
rm -rf "$target/app"
mv "$part" "$target/app"
rm -f "$archive" # it is unpacked
echo "$sum" >"$target/installed.sha256"
