#!/bin/sh
# Makes the virtual environment .larder/venv/mlflow, whose MLflow server the tests
# talk to: apart from the Python package's, since MLflow brings much. Nothing is
# fetched when it is there and as pinned.
set -eu
cd "$(dirname "$0")/../.."

pins=tools/setup/mlflow.txt
venv=.larder/venv/mlflow
if [ -x "$venv/bin/mlflow" ] && cmp -s "$pins" "$venv/installed.txt"; then
	exit 0
fi
tools/setup/python.sh
echo "setup: installing MLflow, which the tests follow an alias of, into $venv (once; a minute)"
rm -rf "$venv"
.larder/venv/python/bin/python -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$pins"
cp "$pins" "$venv/installed.txt"
