#!/usr/bin/env bash
# Everything that must hold: formatting, lints with warnings denied, documentation, all tests.
# Starts Kafka and Cassandra for it and stops them at its end. Needs the network only for cargo,
# for Debian's packages where they are missing (build-essential, pkg-config, libssl-dev,
# zlib1g-dev, prometheus, python3-venv, curl, openjdk-17-jre-headless, maven), for the servers'
# jars from Maven's repository and for schemathesis from PyPI.
set -euo pipefail
cd "$(dirname "$0")/.."
bash infra/setup.sh
step() { printf '\n== %s\n' "$*"; }

step "format"
cargo fmt --all --check
cargo fmt --manifest-path tests/fuzz/Cargo.toml --check
step "lints"
cargo clippy --workspace --all-targets --quiet -- -D warnings
step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
step "prometheus"
bash infra/prometheus/check.sh
step "contract"
bash infra/contract/setup.sh
step "tests"
# The tests of the crate that has the binary build it, with the same features as everything else.
cargo test --workspace --no-run
target="${CARGO_TARGET_DIR:-target}"
ZEITGEBER_TEST_BINARY=$(realpath "$target/debug/zeitgeber")
export ZEITGEBER_TEST_BINARY
services="$target/services"
trap '[ ! -d "$services" ] || bash infra/services/down.sh "$services" --wipe' EXIT
cargo test --workspace --no-fail-fast
step "same bits on newer CPUs"
bash infra/same_bits.sh "$target/cpu"
step "fuzz"
bash tests/fuzz/run.sh -n 20000 -t 20
step "fixtures"
# The whole workspace, so that nothing is built once more with other features.
cargo test --quiet --workspace --test routing_fixtures --test rhythm_fixtures -- --nocapture
