#!/bin/sh
# Fetches Keycloak into .larder/keycloak, from Maven, and checks its sum. Nothing is started,
# and nothing is fetched when it is there. Maven keeps its files in .larder/maven.
set -eu
cd "$(dirname "$0")/../.."

version=26.7.3
sum=77657f30b7e90d70f727712ce1c967f430fd6a5e9f458d32d8c6df0635345f47
target=.larder/keycloak
checksum() { if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1; }

if [ -d "$target/app" ] && [ "$(cat "$target/installed.sha256" 2>/dev/null)" = "$sum" ]; then
	exit 0
fi
tools/setup/java.sh
echo "setup: fetching Keycloak $version (176 MB, once)"
mkdir -p .larder/maven "$target"
mvn -q -B "-Dmaven.repo.local=$PWD/.larder/maven" org.apache.maven.plugins:maven-dependency-plugin:2.8:get \
	-Dartifact=org.keycloak:keycloak-quarkus-dist:$version:tar.gz -Dtransitive=false
archive=.larder/maven/org/keycloak/keycloak-quarkus-dist/$version/keycloak-quarkus-dist-$version.tar.gz
if [ "$(checksum "$archive")" != "$sum" ]; then
	echo "setup: keycloak-quarkus-dist $version is not the one that was pinned: its SHA-256 is $(checksum "$archive")" >&2
	exit 1
fi
part=$(mktemp -d "$target/part-XXXXXX")
trap 'rm -rf "$part"' EXIT
tar -xzf "$archive" -C "$part" --strip-components=1
rm -rf "$target/app"
mv "$part" "$target/app"
rm -f "$archive" # it is unpacked
echo "$sum" >"$target/installed.sha256"
