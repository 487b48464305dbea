#!/bin/sh
# The foreign parts that the tests start: official clients from npm, and the tools for hosts and NATs of their own.
set -eu
cd "$(dirname "$0")/.."
command -v npm >/dev/null 2>&1 || { echo "the tests need Node and npm; on Debian: apt-get install nodejs npm" >&2; exit 1; }
npm ci --silent --no-audit --no-fund --prefix tests/js
npm ci --silent --no-audit --no-fund --ignore-scripts --prefix tests/web
if ! command -v ip >/dev/null 2>&1 || ! command -v nft >/dev/null 2>&1; then
  { apt-get update -q && apt-get install -y -q iproute2 nftables; } >/dev/null 2>&1 ||
    { echo "the tests of NATs need ip and nft; on Debian: apt-get install iproute2 nftables" >&2; exit 1; }
fi
