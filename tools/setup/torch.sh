#!/bin/sh
# Makes the virtual environment that the recipe of PyTorch runs in: PyTorch and NumPy from
# Debian's packages, because the wheels of PyTorch bring gigabytes of CUDA's libraries, and
# the rest from pins. Nothing is fetched when it is there and as pinned.
set -eu
cd "$(dirname "$0")/../.."

pins=examples/recipes/requirements-torch.txt
venv=.larder/venv/torch
if [ -x "$venv/bin/python" ] && cmp -s "$pins" "$venv/installed.txt" && "$venv/bin/python" -c 'import torch' 2>/dev/null; then
	exit 0
fi

# The first Python that has PyTorch and can make environments with pip.
find_python() {
	for candidate in /usr/bin/python3 python3; do
		if command -v "$candidate" >/dev/null && "$candidate" -c 'import torch, venv, ensurepip' 2>/dev/null; then
			echo "$candidate"
			return
		fi
	done
}
python=$(find_python)
if [ -z "$python" ] && command -v apt-get >/dev/null; then
	as_root=
	[ "$(id -u)" = 0 ] || as_root=sudo
	if [ -z "$as_root" ] || command -v sudo >/dev/null; then
		echo "setup: installing python3-torch python3-venv"
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-torch python3-venv >/dev/null
		python=$(find_python)
	fi
fi
if [ -z "$python" ]; then
	echo "setup: PyTorch is missing for the test of its recipe; install it (Debian: apt-get install python3-torch python3-venv)" >&2
	exit 1
fi
echo "setup: installing what $pins names, into $venv (once)"
rm -rf "$venv"
"$python" -m venv --system-site-packages "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --ignore-installed --require-hashes -r "$pins"
cp "$pins" "$venv/installed.txt"
