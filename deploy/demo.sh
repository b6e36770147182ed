#!/usr/bin/env bash
# Installs what is missing, builds, and plays the demo (deploy/demo/README.md).
#   deploy/demo.sh [--keep] [--data DIR]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
for argument in "$@"; do
  case "$argument" in -h | --help) sed -n '2,3s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
done
"$root/deploy/build.sh" release polku polku-referral polku-attendance polku-compensation polku-assessment polku-audit
exec python3 "$root/deploy/demo/demo.py" --bin "$root/build/release/bin" "$@"
