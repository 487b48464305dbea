#!/bin/sh
# The foreign parts that the tests start: official clients from npm.
set -eu
cd "$(dirname "$0")/.."
command -v npm >/dev/null 2>&1 || { echo "the tests need Node and npm; on Debian: apt-get install nodejs npm" >&2; exit 1; }
npm ci --silent --no-audit --no-fund --prefix tests/js
