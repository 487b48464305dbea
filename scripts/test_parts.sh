#!/bin/sh
# The foreign parts that the tests start: official clients from npm; from Debian the tools for hosts and NATs of their own,
# for a disk that fails, PostgreSQL, a TURN server, proxies of both directions, and three browsers with the fonts of many scripts.
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
command -v turnserver >/dev/null 2>&1 || wanted="$wanted coturn"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || wanted="$wanted postgresql"
command -v tinyproxy >/dev/null 2>&1 || wanted="$wanted tinyproxy-bin"
command -v microsocks >/dev/null 2>&1 || wanted="$wanted microsocks"
command -v squid >/dev/null 2>&1 || wanted="$wanted squid"
command -v danted >/dev/null 2>&1 || wanted="$wanted dante-server"
command -v openssl >/dev/null 2>&1 || wanted="$wanted openssl"
command -v unzip >/dev/null 2>&1 || wanted="$wanted unzip"
command -v firefox-esr >/dev/null 2>&1 || command -v firefox >/dev/null 2>&1 || wanted="$wanted firefox-esr"
command -v WebKitWebDriver >/dev/null 2>&1 || wanted="$wanted webkit2gtk-driver"
ls /usr/lib/*/webkit*/MiniBrowser >/dev/null 2>&1 || wanted="$wanted libwebkit2gtk-4.1-0"
command -v Xvfb >/dev/null 2>&1 || wanted="$wanted xvfb"
command -v chromium-headless-shell >/dev/null 2>&1 || wanted="$wanted chromium-headless-shell"
[ -n "$(fc-list :lang=ar 2>/dev/null)" ] || wanted="$wanted fonts-noto-core"
[ -n "$(fc-list :lang=ja 2>/dev/null)" ] || wanted="$wanted fonts-noto-cjk"
fc-list 2>/dev/null | grep -qi emoji || wanted="$wanted fonts-noto-color-emoji"
if [ -n "$wanted" ]; then
    # shellcheck disable=SC2086
    { apt-get update -q && apt-get install -y -q --no-install-recommends $wanted; } >/dev/null 2>&1 ||
        { echo "the tests need$wanted; on Debian: apt-get install$wanted" >&2; exit 1; }
    case $wanted in *nginx*) systemctl disable --quiet --now nginx >/dev/null 2>&1 || true ;; esac
    case $wanted in *postgresql*) systemctl disable --quiet --now postgresql >/dev/null 2>&1 || true ;; esac
    case $wanted in *squid*) systemctl disable --quiet --now squid >/dev/null 2>&1 || true ;; esac
    case $wanted in *dante*) systemctl disable --quiet --now danted >/dev/null 2>&1 || true ;; esac
    case $wanted in *coturn*) systemctl disable --quiet --now coturn >/dev/null 2>&1 || true ;; esac # the tests start their own
fi
