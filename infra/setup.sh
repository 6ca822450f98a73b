#!/usr/bin/env bash
# Installs what building needs beyond Rust: a C compiler (for the bundled zstd and BLAKE3's
# assembly). Does nothing where it is there already.
set -euo pipefail

command -v cargo >/dev/null || {
  echo "setup: Rust is missing: install it with rustup (https://rustup.rs), then run this again" >&2
  exit 1
}
command -v cc >/dev/null && exit 0
command -v apt-get >/dev/null || {
  echo "setup: no C compiler, and no apt-get to install one: install gcc or clang" >&2
  exit 1
}
root=()
[ "$(id -u)" -eq 0 ] || root=(sudo)
echo "setup: installing build-essential (a C compiler)"
"${root[@]}" apt-get update -qq
"${root[@]}" apt-get install -y -qq --no-install-recommends build-essential
