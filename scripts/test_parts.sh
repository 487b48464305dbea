#!/bin/sh
# The foreign parts that the tests start: official clients from npm; fiu-run from Debian, without which one test is skipped.
set -eu
cd "$(dirname "$0")/.."
command -v npm >/dev/null 2>&1 || { echo "the tests need Node and npm; on Debian: apt-get install nodejs npm" >&2; exit 1; }
npm ci --silent --no-audit --no-fund --prefix tests/js
if ! command -v fiu-run >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get install -y -qq --no-install-recommends fiu-utils >/dev/null || echo "no fiu-run: the failing fsync is not proved" >&2
fi
