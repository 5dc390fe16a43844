#!/bin/sh
# Runs every fuzz target for a few seconds: setup/fuzz.sh [SECONDS]
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-3}
grep -rlE '^func Fuzz[A-Z]' --include='*_test.go' . | while read -r file; do
	sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$file" | while read -r target; do
		echo "fuzz $(dirname "$file") $target"
		go test "$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "${seconds}s" >.larder/fuzz.log 2>&1 </dev/null || {
			cat .larder/fuzz.log
			exit 1
		}
	done || exit 1
done
