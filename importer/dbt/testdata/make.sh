#!/bin/sh
# Makes the manifest and the catalog of the project in shop/ with a dbt and a Postgres:
#
#   make.sh DBT FOLDER postgres://USER:PASSWORD@HOST:PORT/DATABASE
#
# It writes to FOLDER what tests read, without macros, SQL and what differs from run to run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dbt=$1 out=$2
address=${3#*://}
login=${address%%@*} place=${address#*@}
export SHOP_USER="${login%%:*}" SHOP_PASSWORD="${login#*:}" SHOP_HOST="${place%%:*}"
place=${place#*:}
export SHOP_PORT="${place%%/*}" DBT_SEND_ANONYMOUS_USAGE_STATS=false
place=${place#*/}
export SHOP_DATABASE="${place%%\?*}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$here/shop/." "$work"
cd "$work"
for step in deps build "docs generate"; do
	"$dbt" --no-use-colors $step --profiles-dir .
done
cd - >/dev/null
mkdir -p "$out"
python3 - "$work/target" "$out" <<'PYTHON'
import json
import sys

source, out = sys.argv[1:]
unread = {"raw_code", "compiled_code", "raw_sql", "compiled_sql", "compiled_path", "build_path", "checksum", "created_at", "unrendered_config", "root_path", "docs"}
metadata = {"dbt_schema_version", "dbt_version", "project_name", "adapter_type"}


def trim(value):
    if isinstance(value, dict):
        return {k: trim(v) for k, v in value.items() if k not in unread and not k.startswith("pre-") and not k.startswith("post-")}
    return [trim(v) for v in value] if isinstance(value, list) else value


def write(name, keys):
    with open(f"{source}/{name}") as f:
        whole = json.load(f)
    kept = {key: trim(whole.get(key, {})) for key in keys}
    kept["metadata"] = {k: v for k, v in kept["metadata"].items() if k in metadata}
    with open(f"{out}/{name}", "w") as f:
        json.dump(kept, f, indent=1)
        f.write("\n")


write("manifest.json", ["metadata", "nodes", "sources", "disabled", "groups"])
write("catalog.json", ["metadata", "nodes", "sources"])
PYTHON
