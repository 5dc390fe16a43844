#!/bin/sh
# Writes the Python code of the messages that the Python package sends, into the folder
# that is named: larderdb/v1/*_pb2.py and their types.
#
# protobuf keeps one registry of messages for a whole process. So the package has them
# under a name of its own, larderdb.v1: code that a program has generated itself from
# api/larder/v1, of this version or of another, can be imported beside it. Nothing of
# that name is sent.
set -eu
cd "$(dirname "$0")/.."

out=$1
copies=$(mktemp -d)
trap 'rm -rf "$copies"' EXIT
mkdir -p "$out" "$copies/larderdb/v1"
for name in values serving monitor control streams; do
	sed -e 's|^package larder\.v1;|package larderdb.v1;|' -e 's|^import "larder/v1/|import "larderdb/v1/|' \
		"api/larder/v1/$name.proto" >"$copies/larderdb/v1/$name.proto"
done
.larder/venv/python/bin/python -m grpc_tools.protoc -I "$copies" --python_out="$out" --pyi_out="$out" \
	larderdb/v1/values.proto larderdb/v1/serving.proto larderdb/v1/monitor.proto larderdb/v1/control.proto larderdb/v1/streams.proto
