#!/usr/bin/env bash
# Installs Debian's PostgreSQL (with pg_stat_statements and pgbench) unless it is there. No server is started.
# Run by deploy/demo.sh and cluster-tests/run.sh.
set -euo pipefail

has() { compgen -G "/usr/lib/postgresql/$1/bin/pgbench" >/dev/null; }

if has 15; then
    exit 0
fi

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "PostgreSQL is missing: as root, run: apt-get install postgresql-15" >&2
        exit 1
    fi
}

if ! command -v apt-get >/dev/null; then
    echo "PostgreSQL is missing, and this is no Debian: put its programs under /usr/lib/postgresql/15/bin" >&2
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
if ! has '*'; then
    echo "the package $package brought no programs to /usr/lib/postgresql" >&2
    exit 1
fi
