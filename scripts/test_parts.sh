#!/bin/sh
# The foreign parts that the tests start: official clients from npm; from Debian the tools for hosts and NATs of their own
# and for a disk that fails, and the reverse proxies that deploy/ has files for.
set -eu
cd "$(dirname "$0")/.."
command -v npm >/dev/null 2>&1 || { echo "the tests need Node and npm; on Debian: apt-get install nodejs npm" >&2; exit 1; }
npm ci --silent --no-audit --no-fund --prefix tests/js
npm ci --silent --no-audit --no-fund --ignore-scripts --prefix tests/web
wanted=""
command -v ip >/dev/null 2>&1 || wanted="$wanted iproute2"
command -v nft >/dev/null 2>&1 || wanted="$wanted nftables"
command -v nginx >/dev/null 2>&1 || wanted="$wanted nginx-light"
command -v haproxy >/dev/null 2>&1 || wanted="$wanted haproxy"
command -v systemd-analyze >/dev/null 2>&1 || wanted="$wanted systemd"
command -v fiu-run >/dev/null 2>&1 || wanted="$wanted fiu-utils"
if [ -n "$wanted" ]; then
    # shellcheck disable=SC2086
    { apt-get update -q && apt-get install -y -q --no-install-recommends $wanted; } >/dev/null 2>&1 ||
        { echo "the tests need$wanted; on Debian: apt-get install$wanted" >&2; exit 1; }
fi
