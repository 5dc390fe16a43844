#!/bin/sh
# Fails when a password, a key or a token is in the repository: in a commit, or in what isn't
# committed yet. gitleaks asks nobody; what isn't a secret is listed in .gitleaks.toml. It is
# built once for each version.
set -eu
cd "$(dirname "$0")/../.."

gitleaks=v8.30.1

bin=$PWD/.larder/bin
if [ ! -x "$bin/gitleaks" ] || [ "$(cat "$bin/.gitleaks" 2>/dev/null)" != "$gitleaks" ]; then
	echo "setup: building gitleaks $gitleaks (once)"
	GOBIN=$bin go install "github.com/zricethezav/gitleaks/v8@$gitleaks"
	echo "$gitleaks" >"$bin/.gitleaks"
fi
"$bin/gitleaks" git --no-banner --redact --log-level warn --verbose .
"$bin/gitleaks" git --no-banner --redact --log-level warn --verbose --pre-commit .
"$bin/gitleaks" git --no-banner --redact --log-level warn --verbose --staged .
