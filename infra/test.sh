#!/usr/bin/env bash
# Everything that must hold: formatting, lints with warnings denied, documentation, all tests.
# Needs no service; the network only for cargo, for Debian's packages where they are missing
# (build-essential, prometheus, python3-venv, curl) and for schemathesis from PyPI.
set -euo pipefail
cd "$(dirname "$0")/.."
bash infra/setup.sh
step() { printf '\n== %s\n' "$*"; }

step "format"
cargo fmt --all --check
step "lints"
cargo clippy --workspace --all-targets --quiet -- -D warnings
step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
step "prometheus"
bash infra/prometheus/check.sh
step "contract"
bash infra/contract/setup.sh
step "tests"
cargo test --workspace --no-fail-fast
step "fixtures"
cargo test --quiet --package zeitgeber-tests --test routing_fixtures -- --nocapture
