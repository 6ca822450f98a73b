#!/usr/bin/env bash
# The main job on a fresh machine: sets up, builds, plays the compiled-in sample.
# Arguments go to `zeitgeber demo`.
set -euo pipefail
cd "$(dirname "$0")/.."
bash infra/setup.sh
exec cargo run --quiet --release --bin zeitgeber -- demo "$@"
