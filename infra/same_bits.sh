#!/usr/bin/env bash
# The same bits on every CPU: builds one test of the pure core for newer generations of x86-64
# (SSE2 alone is what everything else is built for) and compares what it derives with the hashes
# written in the test. What this machine cannot run is named and left out.
#     infra/same_bits.sh TARGET_DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/.."
host=$(rustc -vV | sed -n 's/^host: //p')
if [[ $host != x86_64-* ]]; then
    echo "not an x86-64: the test runs for $host alone"
    exit 0
fi
runs() {
    local feature
    for feature in "$@"; do
        grep -qw "$feature" /proc/cpuinfo || return 1
    done
}
# With a target of its own, compilers' plugins are built once for both.
built_for() {
    echo "$1"
    RUSTFLAGS="-C target-cpu=$1" CARGO_TARGET_DIR="$target" \
        cargo test --quiet -p zeitgeber-test-bits --target "$host" --test same_bits
}
target=$1
if runs avx2 bmi1 bmi2 fma f16c movbe; then
    built_for x86-64-v3
else
    echo "x86-64-v3: this machine has no AVX2"
fi
if runs avx512f avx512bw avx512cd avx512dq avx512vl; then
    built_for x86-64-v4
else
    echo "x86-64-v4: this machine has no AVX-512"
fi
