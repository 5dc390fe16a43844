#!/bin/sh
# Fails when larder calls something with a known vulnerability. The database is made of
# the module golang.org/x/vulndb at a pinned version, so nothing but Go's module proxy is
# asked; govulncheck and the database are built once. Move all versions on from time to
# time: what became known later isn't found.
set -eu
cd "$(dirname "$0")/../.."

govulncheck=v1.9.0
vulndb=v0.0.0-20261105234957-e22db6528018

toolchain=$(go env GOVERSION)
bin=$PWD/.larder/bin
database=$PWD/.larder/vulndb/$vulndb
# A program that was built with an older Go can't read the code of a newer one.
if [ ! -x "$bin/govulncheck" ] || [ "$(cat "$bin/.govulncheck" 2>/dev/null)" != "$govulncheck $toolchain" ]; then
	echo "setup: building govulncheck $govulncheck with $toolchain (once)"
	GOBIN=$bin go install "golang.org/x/vuln/cmd/govulncheck@$govulncheck"
	echo "$govulncheck $toolchain" >"$bin/.govulncheck"
fi
if [ ! -f "$database/index/db.json" ]; then
	echo "setup: making the database of vulnerabilities $vulndb (once)"
	mkdir -p "$database"
	part=$(mktemp -d "$PWD/.larder/vulndb/part-XXXXXX")
	trap 'rm -rf "$part"' EXIT
	GOBIN=$part go install "golang.org/x/vulndb/cmd/indexdb@$vulndb"
	source=$(cd "$part" && go mod download -json "golang.org/x/vulndb@$vulndb" | sed -n 's/^.*"Dir": "\(.*\)",*$/\1/p')
	"$part/indexdb" -vulns "$source/data/osv" -out "$part/db"
	rm -rf "$database"
	mv "$part/db" "$database"
fi
"$bin/govulncheck" -db "file://$database" ./...
