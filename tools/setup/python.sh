#!/bin/sh
# Makes a virtual environment from versions and sums that are pinned. Nothing is fetched
# when it is there and as pinned.
set -eu
cd "$(dirname "$0")/../.."

name=${1-python}
pythons="python3 python3.14 python3.13 python3.12 python3.11" packages="python3 python3-venv" modules="venv, ensurepip"
venv_options= pip_options=
case $name in
python) pins=client/python/requirements.txt ;; # the Python package is tested and checked in it
triton) pins=serving/inference/testdata/requirements.txt ;; # Triton's own client
onnx) pins=tools/fuzz_onnx/requirements.txt ;; # operators are tried in it for the list of package scoring
files) pins=internal/arrowfile/testdata/requirements.txt ;; # writers of Parquet files
http) pins=integration/testdata/http/requirements.txt ;; # a client made from the OpenAPI document, and a tester
feast) pins=integration/feast/requirements.txt ;; # Feast, which integration/feast compares Larder with
drift) pins=monitor/drift/testdata/requirements.txt ;; # SciPy, which package monitor/drift is compared with
exporters) pins=tools/exporters/requirements.txt ;; # libraries that train and export the models of tools/exporters, except PyTorch
flink) # PyFlink, for examples/streaming; it has no wheels for newer Pythons
	pins=examples/streaming/requirements-flink.txt pythons="python3.12 python3.11 python3" ;;
spark) pins=examples/streaming/requirements-spark.txt ;; # PySpark, for examples/streaming
recipes) pins=examples/recipes/requirements.txt ;; # the training libraries of docs/recipes.md, except PyTorch
torch)
	# PyTorch and NumPy come from Debian's packages, because the wheels of PyTorch bring
	# gigabytes of CUDA's libraries. The rest must not bring another NumPy.
	pins=examples/recipes/requirements-torch.txt
	pythons="/usr/bin/python3 python3" packages="python3-torch python3-venv" modules="$modules, torch"
	venv_options=--system-site-packages pip_options="--no-deps --ignore-installed"
	;;
*)
	echo "setup: no environment is called $name" >&2
	exit 2
	;;
esac
venv=.larder/venv/$name
if [ -x "$venv/bin/python" ] && cmp -s "$pins" "$venv/installed.txt" && "$venv/bin/python" -c "import $modules" 2>/dev/null; then
	exit 0
fi

# The first Python that is new enough and has the modules.
find_python() {
	for candidate in $pythons; do
		if command -v "$candidate" >/dev/null && "$candidate" -c "import sys, $modules; sys.exit(sys.version_info < (3, 11))" 2>/dev/null; then
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
		echo "setup: installing $packages"
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
		python=$(find_python)
	fi
fi
if [ -z "$python" ]; then
	echo "setup: Python 3.11 or newer with $modules is missing; install it (Debian: apt-get install $packages)" >&2
	exit 1
fi
echo "setup: installing what $pins names, into $venv (once)"
rm -rf "$venv"
"$python" -m venv $venv_options "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes $pip_options -r "$pins"
cp "$pins" "$venv/installed.txt"
