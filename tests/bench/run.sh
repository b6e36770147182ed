#!/usr/bin/env bash
# Every benchmark, one after the other, on this machine: the log beside raw RocksDB, verification
# beside a bare SHA-256, sealing beside none, a region made, replayed and reported on, then a real service with a
# subscriber. Every commit is synced, but the made-up region's: that is synced once, whole. Usage: tests/bench/run.sh [--seconds N] [--json]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
"$root/deploy/build.sh" release polku polku-referral polku-log-bench polku-verify-bench polku-seal-bench polku-region-bench polku-exchange-bench
bin=$root/build/release/bin
"$bin/polku-log-bench" --directory "$root/build" "$@"
"$bin/polku-verify-bench" --directory "$root/build" "$@"
"$bin/polku-seal-bench" --directory "$root/build" "$@"
"$bin/polku-region-bench" --bin "$bin" --source "$root" --directory "$root/build" "$@"
"$bin/polku-exchange-bench" --bin "$bin" --source "$root" --directory "$root/build" "$@" 2> "$root/build/exchange-bench.log" \
  || { cat "$root/build/exchange-bench.log" >&2; exit 1; }
