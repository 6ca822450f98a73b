#!/usr/bin/env bash
# run.sh [-n RUNS] [-t SECONDS] [TARGET...]: feeds every parser and reader what libFuzzer makes up,
# guided by what it reaches, beginning at tests/fuzz/corpus. Each target runs RUNS times (20000) or
# SECONDS long, whatever comes first; without a seed in ZEITGEBER_SEED it draws one and prints it.
# What it learns stays in target/fuzz/corpus; what fails is written to target/fuzz/found.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash infra/setup.sh
runs=20000 seconds=600
while getopts n:t: option; do
  case $option in
  n) runs=$OPTARG ;;
  t) seconds=$OPTARG ;;
  *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
seed=${ZEITGEBER_SEED:-$((RANDOM * 32768 + RANDOM + 1))}
into="$(realpath -m "${CARGO_TARGET_DIR:-target}")/fuzz"
mkdir -p "$into"

# Counters of each branch and each comparison in everything that is compiled: what libFuzzer steers by.
counters="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
counters+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
counters+=" -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
# The target is named so that build scripts and macros are built without them.
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="$counters -Cforce-frame-pointers -Dwarnings --cfg fuzzing" CARGO_TARGET_DIR="$into" cargo build --quiet --release \
  --target "$host" --manifest-path tests/fuzz/Cargo.toml
program="$into/$host/release/zeitgeber-fuzz"

targets=("$@")
[ ${#targets[@]} -gt 0 ] || for corpus in tests/fuzz/corpus/*/; do targets+=("$(basename "$corpus")"); done
echo "fuzz: seed $seed (ZEITGEBER_SEED repeats it)"
failed=()
for target in "${targets[@]}"; do
  mkdir -p "$into/corpus/$target" "$into/found/$target"
  if ZEITGEBER_FUZZ_TARGET=$target "$program" "$into/corpus/$target" "tests/fuzz/corpus/$target" \
    -seed="$seed" -runs="$runs" -max_total_time="$seconds" -max_len=4096 -timeout=20 -rss_limit_mb=2048 \
    -artifact_prefix="$into/found/$target/" -print_final_stats=1 >"$into/$target.log" 2>&1; then
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$into/$target.log")
    echo "fuzz: $target: $executed executions, nothing found"
  else
    failed+=("$target")
    echo "fuzz: $target failed; the input is in ${into#"$PWD"/}/found/$target:"
    tail -40 "$into/$target.log"
  fi
done
[ ${#failed[@]} -eq 0 ]
