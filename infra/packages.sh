#!/usr/bin/env bash
# packages.sh WHAT_FOR PACKAGE...: installs Debian packages, as root or by sudo.
set -euo pipefail
what_for=$1
shift
command -v apt-get >/dev/null || {
  echo "setup: $what_for: there is no apt-get here; install what Debian calls: $*" >&2
  exit 1
}
root=()
[ "$(id -u)" -eq 0 ] || root=(sudo)
echo "setup: installing $* ($what_for)"
"${root[@]}" apt-get update -qq
"${root[@]}" apt-get install -y -qq --no-install-recommends "$@"
