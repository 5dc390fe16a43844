#!/bin/sh
# Writes .larder/sbom.json: the modules that are in larder, with versions, checksums and
# licences, in CycloneDX's format. It describes what is committed.
set -eu
cd "$(dirname "$0")/../.."

cyclonedx=v1.10.0

bin=$PWD/.larder/bin
if [ ! -x "$bin/cyclonedx-gomod" ] || [ "$(cat "$bin/.cyclonedx" 2>/dev/null)" != "$cyclonedx" ]; then
	echo "setup: building cyclonedx-gomod $cyclonedx (once)"
	GOBIN=$bin go install "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$cyclonedx"
	echo "$cyclonedx" >"$bin/.cyclonedx"
fi
out=$PWD/.larder/sbom.json
# It reads the version from a folder .git, which a work tree of git doesn't have.
part=$(mktemp -d)
trap 'rm -rf "$part"' EXIT
git clone -q . "$part/larder"
cd "$part/larder"
"$bin/cyclonedx-gomod" app -json -licenses -std -output "$out" -main cmd/larder .
echo "wrote .larder/sbom.json"
