#!/usr/bin/env bash
# Plays faults of all kinds on a real cluster by a seeded plan, then calm, then the verdict. Ends with 0 where every tick
# arrived as one reading, within the budgets of the databases. The same seed plays the same faults again.
#
#   cluster-tests/chaos.sh --minutes N --seed S      ten minutes and any seed by default; further: --output json
#
# As root the nodes are in networks of their own, with cuts, narrow ways and storms between them; else these are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

for argument in "$@"; do
    case $argument in
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    esac
done
cargo build --release --locked -p ringwatch-server -p ringwatch-cluster-tests --bins
exec "${CARGO_TARGET_DIR:-target}/release/ringwatch-measure" chaos "$@"
