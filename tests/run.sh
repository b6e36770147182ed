#!/usr/bin/env bash
# Installs what is missing, builds, and runs everything that must hold. Usage: tests/run.sh [PRESET]
# PRESET is release (default), dev, asan-ubsan or tsan. Closes with "N passed, N failed".
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
preset=${1:-release}
"$root/deploy/build.sh" "$preset"
cd "$root"
ctest --preset "$preset" -j"$(nproc)"
