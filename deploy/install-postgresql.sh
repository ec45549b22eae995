#!/usr/bin/env bash
# Installs Debian's PostgreSQL (with pg_stat_statements and pgbench) unless one of the versions 14 to 18 is there. No
# server is started. Run by deploy/demo.sh and cluster-tests/run.sh.
set -euo pipefail

has_any() {
    local major
    for major in 14 15 16 17 18; do
        [ -x "/usr/lib/postgresql/$major/bin/postgres" ] && [ -x "/usr/lib/postgresql/$major/bin/pgbench" ] && return
    done
    return 1
}

if has_any; then
    exit 0
fi

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "PostgreSQL is missing: as root, run: apt-get install postgresql" >&2
        exit 1
    fi
}

if ! command -v apt-get >/dev/null; then
    echo "PostgreSQL is missing, and this is no Debian: put the programs of a version from 14 to 18 under /usr/lib/postgresql/VERSION/bin" >&2
    exit 1
fi

# Without this, the package would start a server of its own.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    as_root mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
echo "   installing PostgreSQL with apt-get"
export DEBIAN_FRONTEND=noninteractive
as_root apt-get update -qq
package=postgresql-15
if ! apt-cache show "$package" >/dev/null 2>&1; then
    package=postgresql
fi
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null
if ! has_any; then
    echo "the package $package brought no version from 14 to 18 to /usr/lib/postgresql" >&2
    exit 1
fi
