#!/usr/bin/env bash
# Installs what building needs beyond Rust: C and C++ compilers (for the bundled librdkafka, zstd
# and BLAKE3's assembly), OpenSSL and zlib. Does nothing where they are there already.
set -euo pipefail
cd "$(dirname "$0")"

command -v cargo >/dev/null || {
  echo "setup: Rust is missing: install it with rustup (https://rustup.rs), then run this again" >&2
  exit 1
}
command -v c++ >/dev/null && command -v make >/dev/null && pkg-config --exists openssl zlib 2>/dev/null && exit 0
bash packages.sh "compilers and libraries to build with" build-essential pkg-config libssl-dev zlib1g-dev
