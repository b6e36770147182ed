#!/usr/bin/env bash
# Installs the packages of deploy/packages.txt that are missing. Debian 12, root or sudo.
#   deploy/install.sh [--tools]    with --tools also those that only developers need
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
missing=()
while read -r package _; do
  case "$package" in
    '' | '#'*) continue ;;
    tools:*) [ "${1:-}" = --tools ] || continue; package=${package#tools:} ;;
  esac
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done < "$here/packages.txt"
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "deploy/install.sh: run as root, or install sudo; missing: ${missing[*]}" >&2; exit 4; }
  as_root=(sudo)
fi
echo "installing: ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq >&2
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
