#!/usr/bin/env bash
# Installs what is missing and builds a preset. Usage: deploy/build.sh PRESET [TARGET...]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
preset=${1:?usage: deploy/build.sh PRESET [TARGET...]}
shift
"$root/deploy/install.sh"
cd "$root"
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1
cmake --preset "$preset" >&2
if [ $# -gt 0 ]; then
  cmake --build --preset "$preset" --target "$@" >&2
else
  cmake --build --preset "$preset" >&2
fi
