#!/usr/bin/env bash
# Installs what is missing, then checks and tests everything: format, lints, licences, structure, unit, property and
# whole-node tests against real databases, and a short run of the fuzz targets. Ends with one line: N passed, N failed.
#
#   cluster-tests/run.sh            all of it
#   cluster-tests/run.sh --quick    without the long scenarios, fuzzing, and the servers other than the system's
#   cluster-tests/run.sh --fetch    only installs and fetches
set -uo pipefail
cd "$(dirname "$0")/.."

deny_version=0.18.9
fuzz_version=0.13.2
quick=no
for argument in "$@"; do
    case $argument in
    --quick) quick=yes ;;
    --fetch) quick=fetch ;;
    *) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2 ;;
    esac
done

[ -t 1 ] || export CARGO_TERM_COLOR=never
began=$SECONDS
top=$PWD
logs=target/run-logs
mkdir -p "$logs"
failed_steps=()

step() { # name, command...
    local name=$1 from=$SECONDS
    shift
    printf '== %s\n' "$name"
    if "$@"; then
        printf '   %s: ok, %ss (%ss in all)\n' "$name" $((SECONDS - from)) $((SECONDS - began))
    else
        printf '   %s: FAILED, %ss\n' "$name" $((SECONDS - from))
        failed_steps+=("$name")
        return 1
    fi
}

# Servers run as another user when we are root: they must be able to reach their programs.
choose_servers() {
    if [ -z "${RINGWATCH_SERVERS:-}" ] && [ "$(id -u)" = 0 ] && ! setpriv --reuid=65534 --clear-groups test -x "$PWD"; then
        export RINGWATCH_SERVERS=/var/tmp/ringwatch-servers
        echo "   other users may not reach $PWD: servers go to $RINGWATCH_SERVERS"
    fi
}

# Installs packages with apt-get: packages, what for.
apt_install() {
    local packages=$1 why=$2 root=()
    echo "   installing $packages with apt-get ($why)"
    [ "$(id -u)" = 0 ] || root=(sudo)
    # shellcheck disable=SC2086 # a list of packages
    "${root[@]}" apt-get update -qq &&
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
}

has_compiler() {
    command -v cc >/dev/null || apt_install "gcc libc6-dev" "zstd and ring need a C compiler"
}

# What some scenarios need. Where it cannot be had, they say that they are skipped.
has_tools() {
    command -v ip >/dev/null || apt_install iproute2 "networks of their own for nodes"
    command -v mkfs.ext4 >/dev/null || apt_install e2fsprogs "power cuts of a file system in a file"
    compgen -G "/usr/lib/*/faketime/libfaketimeMT.so.1" >/dev/null || apt_install libfaketime "clocks that jump"
    # Where systemd runs, it would start one.
    [ -x /usr/sbin/pgbouncer ] || [ -d /run/systemd/system ] || apt_install pgbouncer "a pooler before PostgreSQL"
    return 0
}

# A minimal Rust comes without them.
has_format_and_lints() {
    local missing=()
    cargo fmt --version >/dev/null 2>&1 || missing+=(rustfmt)
    cargo clippy --version >/dev/null 2>&1 || missing+=(clippy)
    [ ${#missing[@]} -eq 0 ] && return
    if ! command -v rustup >/dev/null; then
        echo "   Rust lacks ${missing[*]}, and there is no rustup: install them the way that Rust was installed"
        return 1
    fi
    echo "   adding ${missing[*]} to Rust with rustup"
    rustup component add "${missing[@]}" >"$logs/rustup.log" 2>&1 || { tail -20 "$logs/rustup.log"; return 1; }
}

install_deny() {
    [ "$(target/tools/bin/cargo-deny --version 2>/dev/null)" = "cargo-deny $deny_version" ] && return
    echo "   building cargo-deny $deny_version into target/tools (some minutes, once)"
    # Without optimisation: it is built in half the time and runs for a second.
    cargo install cargo-deny --locked --debug --version "$deny_version" --root target/tools \
        >"$logs/cargo-deny.log" 2>&1 || { tail -20 "$logs/cargo-deny.log"; return 1; }
}

deny() {
    target/tools/bin/cargo-deny --locked --log-level error check --hide-inclusion-graph licenses bans sources || return 1
    if timeout 60 target/tools/bin/cargo-deny --locked --log-level error check --hide-inclusion-graph advisories >"$logs/advisories.log" 2>&1; then
        echo "   advisories: ok"
    elif grep -q "failed to fetch advisory database\|failed to acquire advisory" "$logs/advisories.log" || [ ! -s "$logs/advisories.log" ]; then
        echo "   advisories: skipped, their database cannot be reached from here"
    else
        cat "$logs/advisories.log"
        return 1
    fi
}

install_fuzz() {
    command -v c++ >/dev/null || apt_install g++ "libFuzzer needs a C++ compiler" || return 1
    [ "$(target/tools/bin/cargo-fuzz --version 2>/dev/null)" = "cargo-fuzz $fuzz_version" ] && return
    echo "   building cargo-fuzz $fuzz_version into target/tools (a minute, once)"
    cargo install cargo-fuzz --locked --debug --version "$fuzz_version" --root target/tools \
        >"$logs/cargo-fuzz.log" 2>&1 || { tail -20 "$logs/cargo-fuzz.log"; return 1; }
}

# Each target for some seconds, from the seeds of the repository and the same random numbers (FUZZ_SEED=0: others). What it finds stays in target/fuzz/corpus for the next
# run; what breaks it is named, and is in target/fuzz/artifacts.
fuzz() {
    local target good=0 host
    host=$(rustc -vV | awk '/^host/ { print $2 }')
    export CARGO_TARGET_DIR=$PWD/target/fuzz
    # Without a sanitizer it works with a stable compiler; there is no unsafe code of ours that one could look into.
    if ! (cd cluster-tests/fuzz && "$top/target/tools/bin/cargo-fuzz" build --fuzz-dir . --sanitizer none) >"$logs/fuzz.log" 2>&1; then
        tail -20 "$logs/fuzz.log"
        return 1
    fi
    for target in sql expr config plan_json plan_text scan; do
        mkdir -p "target/fuzz/corpus/$target" "target/fuzz/artifacts/$target"
        if RUST_BACKTRACE=0 "target/fuzz/$host/release/$target" -max_total_time="${FUZZ_SECONDS:-20}" -seed="${FUZZ_SEED:-1}" -max_len=4096 \
            -artifact_prefix="target/fuzz/artifacts/$target/" "target/fuzz/corpus/$target" "cluster-tests/fuzz/seeds/$target" \
            >"$logs/fuzz-$target.log" 2>&1; then
            printf '   %s: %s\n' "$target" "$(tail -1 "$logs/fuzz-$target.log")"
        else
            echo "   $target: broken, see $logs/fuzz-$target.log"
            grep -m3 -A3 'panicked\|ERROR: libFuzzer' "$logs/fuzz-$target.log"
            good=1
        fi
    done
    return $good
}

# The house stays easy to see: nothing new on its top level, no file that does not fit a reader's head.
structure() {
    local allowed=" Cargo.toml Cargo.lock clippy.toml rustfmt.toml deny.toml README.md LICENSE CHANGELOG.md .gitignore .ci .git proto node cluster-tests deploy config docs target "
    local entry lines good=0
    for entry in $(git ls-files 2>/dev/null | cut -d/ -f1 | sort -u); do
        [[ $allowed == *" $entry "* ]] || { echo "   not allowed on the top level: $entry"; good=1; }
    done
    while read -r lines entry; do
        [ "$entry" = total ] || [ "$lines" -le 500 ] || { echo "   over 500 lines: $entry ($lines)"; good=1; }
    done < <(find proto node cluster-tests -name '*.rs' -print0 | xargs -0 wc -l)
    return $good
}

# The nodes of the scenarios are the programs built here; with the features that the tests ask for, else most of it
# would be built once more for them.
build() { cargo test --workspace --locked --no-run; }

tests() {
    local more=()
    [ "$quick" = yes ] && more=(-- --skip _long)
    local alone=target/it-logs/passed-only-alone code
    rm -f "$alone"
    cargo test --workspace --locked --no-fail-fast "${more[@]}" 2>&1 | tee "$logs/tests.log" | sift
    code=${PIPESTATUS[0]}
    if [ -s "$alone" ]; then
        echo "   these scenarios failed beside others and passed when they were repeated alone:"
        cut -c1-300 "$alone" | sed 's/^/   - /'
    fi
    return "$code"
}

# The deterministic simulation of the cluster, through many more stories of faults than among the tests (SEEDS=N: so many).
simulation() {
    RINGWATCH_SIM_SEEDS="${SEEDS:-2000}" RINGWATCH_SIM_FROM=1000 \
        cargo test --workspace --locked --test simulation every_seed_ends_well -- --nocapture >"$logs/simulation.log" 2>&1 ||
        { grep -A40 '^seed\|panicked' "$logs/simulation.log" | head -80; return 1; }
    sed -n 's/^\([0-9]* runs, .*\)/   \1/p; s/^failed once/   &/p' "$logs/simulation.log"
}

# Shows what a reader wants to see of a test run: each scenario, and of the rest only what is not ok. The whole is in
# the log.
sift() {
    awk '/^ *Running / { scenarios = /tests\/it\//; print; fflush(); next }
         /^test .* ok$/ && !scenarios { next }
         /^ *(Compiling|Fresh|Finished|Doc-tests|Blocking)|^running |^$/ { next }
         { print; fflush() }'
}

count() { grep '^test result' "$logs/tests.log" 2>/dev/null | grep -o "[0-9]* $1" | awk '{ n += $1 } END { print n + 0 }'; }

step "PostgreSQL" deploy/install-postgresql.sh || exit 1
step "compiler" has_compiler || exit 1
step "tools" has_tools
step "rustfmt and clippy" has_format_and_lints || exit 1
choose_servers
if [ "$quick" != yes ]; then
    step "PostgreSQL 14 to 18" cluster-tests/servers.sh || exit 1
    step "MySQL and MariaDB" cluster-tests/mysql.sh || exit 1
fi
step "cargo-deny" install_deny
[ "$quick" = yes ] || step "cargo-fuzz" install_fuzz
[ "$quick" = fetch ] && exit 0

step "structure" structure
step "format" cargo fmt --all --check
step "licences, bans, sources" deny
step "lints" cargo clippy --workspace --all-targets --locked -- -D warnings
step "build" build || exit 1
step "tests" tests
[ "$quick" = yes ] || step "simulation" simulation
[ "$quick" = yes ] || step "fuzz" fuzz

passed=$(count passed)
failed=$(count failed)
for name in "${failed_steps[@]}"; do
    if [ "$name" != tests ]; then
        echo "failed: $name"
        failed=$((failed + 1))
    fi
done
# A run that failed before it could count is a failure too.
[ ${#failed_steps[@]} -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
printf 'the whole run took %ss\n%s passed, %s failed\n' $((SECONDS - began)) "$passed" "$failed"
[ "$failed" -eq 0 ]
