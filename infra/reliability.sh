#!/usr/bin/env bash
# reliability.sh [-s SEEDS] [-k KILLS] [-f RUNS]: simulates SEEDS seeds (20000) of 2000 steps, kills a
# real ingest until KILLS kills (1000) left a partly written log, opens as many images of simulated
# crashes on the real disk, flips every byte of a log, feeds every reader RUNS times (1000000), and
# writes what came of it into docs/reliability.md. Takes hours; less with smaller numbers.
set -euo pipefail
cd "$(dirname "$0")/.."
bash infra/setup.sh
seeds=20000 kills=1000 runs=1000000
while getopts s:k:f: option; do
  case $option in
  s) seeds=$OPTARG ;;
  k) kills=$OPTARG ;;
  f) runs=$OPTARG ;;
  *) exit 2 ;;
  esac
done
first=${ZEITGEBER_SEED:-$((RANDOM * 32768 + RANDOM + 1))}
target="$(realpath -m "${CARGO_TARGET_DIR:-target}")"
said="$target/reliability"
mkdir -p "$said"

cargo build --release --package zeitgeber
cargo test --workspace --no-run
export ZEITGEBER_TEST_BINARY="$target/release/zeitgeber"
"$ZEITGEBER_TEST_BINARY" sim --seed "$first" --seeds "$seeds" --steps 2000 | tee "$said/sim.txt"
ZEITGEBER_KILLS=$kills ZEITGEBER_SEED=$first cargo test --quiet --workspace --test kills \
  kills_at_random_instants -- --nocapture | grep -E 'kills left|more left' | tee "$said/kills.txt"
ZEITGEBER_IMAGES=$kills ZEITGEBER_SEED=$first cargo test --quiet --workspace --test images \
  -- --nocapture | grep -E 'images of' | tee "$said/images.txt"
cargo test --quiet --workspace --test flips -- --nocapture | grep -E 'flip' | tee "$said/flips.txt"
ZEITGEBER_SEED=$first bash tests/fuzz/run.sh -n "$runs" -t 36000 | grep '^fuzz: .*executions' | tee "$said/fuzz.txt"

measured="$said/measured.md"
{
  echo "Commit $(git rev-parse --short HEAD), first seed $first."
  echo
  for part in sim kills images flips fuzz; do
    printf '```text\n%s\n```\n\n' "$(cat "$said/$part.txt")"
  done
} >"$measured"
# What stands between the two marks is replaced; all else of the page is written by people.
sed -i -e "/<!-- measured -->/,/<!-- end -->/{//!d}" -e "/<!-- measured -->/r $measured" docs/reliability.md
echo "docs/reliability.md is written"
