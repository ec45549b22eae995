#!/usr/bin/env bash
# Shows a cluster at work: a throw-away PostgreSQL under load, three nodes that watch it, and a receiver that keeps the
# books. Installs what is missing, builds, and then shows a live view until Ctrl-C, which leaves nothing behind.
#
#   deploy/demo.sh                 until Ctrl-C
#   deploy/demo.sh --seconds N     ends after N seconds with a verdict: exit code 0 if nothing was missed, doubled or lost
#   deploy/demo.sh --kill          kills (kill -9) the node with most targets half-way, and shows the take-over
#   deploy/demo.sh --join          starts a fourth node half-way, and shows which targets move to it
#
# The options can be combined; with both events they come after one and two thirds of the time. Without --seconds the
# time for them is 40 seconds.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
-h | --help)
    sed -n '2,11s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac

if ! command -v cargo >/dev/null; then
    echo "Rust is missing: install it with rustup, then run this again" >&2
    exit 1
fi
deploy/install-postgresql.sh
if ! command -v cc >/dev/null; then
    echo "   installing a C compiler with apt-get"
    root=()
    [ "$(id -u)" = 0 ] || root=(sudo)
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null
fi
[ -t 2 ] || export CARGO_TERM_COLOR=never
echo "building (the first time takes some minutes)"
cargo build --release --locked -p ringwatch-server -p ringwatch-cluster-tests --bins
exec "${CARGO_TARGET_DIR:-target}/release/ringwatch-demo" "$@"
