#!/bin/sh
# Fetches the official build of ONNX Runtime into .larder/onnxruntime, from the
# npm package that carries it, and checks the sums of both. Nothing is fetched
# when the library is there and right.
set -eu
cd "$(dirname "$0")/../.."

version=1.30.0
package_sum=6e3390d6b783e7be946fad629292799da28d0b42f84856e50d2c1b0383291e75
case "$(uname -s)/$(uname -m)" in
Linux/x86_64)
	path=linux/x64/libonnxruntime.so.1 name=libonnxruntime.so
	sum=ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23 ;;
Linux/aarch64)
	path=linux/arm64/libonnxruntime.so.1 name=libonnxruntime.so
	sum=1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76 ;;
Darwin/arm64)
	path=darwin/arm64/libonnxruntime.1.30.0.dylib name=libonnxruntime.dylib
	sum=685d2be5dba1309c89d3a5324b7fd06a5c42f1a61bfea32d14c4cc28d072121d ;;
*)
	echo "setup: the package of ONNX Runtime has no build for $(uname -s) on $(uname -m); build it and set LARDER_ONNXRUNTIME to its path" >&2
	exit 1 ;;
esac

checksum() { if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1; }

target=.larder/onnxruntime/$name
if [ -f "$target" ] && [ "$(checksum "$target")" = "$sum" ]; then
	exit 0
fi
if ! command -v npm >/dev/null; then
	echo "setup: npm is missing; install Node.js (Debian: apt-get install npm), or set LARDER_ONNXRUNTIME to a libonnxruntime $version" >&2
	exit 1
fi
echo "setup: fetching ONNX Runtime $version (114 MB, once)"
mkdir -p .larder/onnxruntime
part=$(mktemp -d .larder/onnxruntime/part-XXXXXX)
trap 'rm -rf "$part"' EXIT
(cd "$part" && npm pack --silent "onnxruntime-node@$version" >/dev/null)
archive=$part/onnxruntime-node-$version.tgz
if [ "$(checksum "$archive")" != "$package_sum" ]; then
	echo "setup: the package onnxruntime-node $version is not the one that was pinned: its SHA-256 is $(checksum "$archive")" >&2
	exit 1
fi
tar -xzf "$archive" -C "$part" "package/bin/napi-v6/$path"
if [ "$(checksum "$part/package/bin/napi-v6/$path")" != "$sum" ]; then
	echo "setup: the library in onnxruntime-node $version is not the one that was pinned" >&2
	exit 1
fi
mv "$part/package/bin/napi-v6/$path" "$target"
