#!/usr/bin/env bash
# Fetches MariaDB (the system's package) and MySQL (of Debian's newest suite, with all its libraries, unpacked beside the
# system) for the tests of other engines. No server is started. They land in $RINGWATCH_SERVERS, or in target/servers.
set -euo pipefail
cd "$(dirname "$0")/.."

servers=${RINGWATCH_SERVERS:-$PWD/target/servers}
mkdir -p "$servers"

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

fetch_mariadb() {
    [ -x /usr/sbin/mariadbd ] && [ -x /usr/bin/my_print_defaults ] && return
    echo "   installing MariaDB's server program with apt-get"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mariadb-server-core mariadb-client-core >/dev/null
}

# apt with lists, cache and status of its own, so that nothing of the system is touched.
private_apt() {
    apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State="$work/state" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" \
        -o APT::Install-Recommends=false -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

fetch_mysql() {
    [ -x "$servers/mysql/usr/sbin/mysqld" ] && return
    local mirror package
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' 'Created-By: Packages' | head -1)
    if [ -z "$mirror" ]; then
        echo "   apt names no Debian mirror, from which MySQL could be fetched" >&2
        return 1
    fi
    echo "   fetching MySQL from Debian's newest suite (60 MB)"
    work=$(mktemp -d "$servers/fetch-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/root"
    touch "$work/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$work/sources.list"
    private_apt update
    private_apt --download-only -y install mysql-server-core >/dev/null
    for package in "$work"/cache/archives/*.deb; do dpkg -x "$package" "$work/root"; done
    rm -rf "$work"/root/usr/share/{doc,man,locale,info}
    chmod -R a+rX "$work/root"
    rm -rf "$servers/mysql"
    mv "$work/root" "$servers/mysql"
}

# A machine that cannot have one of them tests the other engines; the tests say what they skip.
case ${1:-} in
mariadb) fetch_mariadb ;;
mysql) fetch_mysql ;;
*)
    # Each in a process of its own, which ends at the first thing that fails.
    cluster-tests/mysql.sh mariadb || echo "   MariaDB could not be installed: what needs it is skipped"
    cluster-tests/mysql.sh mysql || echo "   MySQL could not be fetched: what needs it is skipped"
    ;;
esac
