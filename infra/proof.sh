#!/usr/bin/env bash
# proof.sh: workers on real Kafka and Cassandra under load, killed, frozen, coming and going while the
# servers are restarted, in both modes of publishing; then every input is looked for in the log, every
# output on its topic, and the digest compared with that of a run that nothing disturbed. Each mode
# takes the faults named here, or in ZEITGEBER_CLUSTER_FAULTS; seed=N draws the same order again.
set -euo pipefail
cd "$(dirname "$0")/.."
bash infra/setup.sh
cargo test --workspace --no-run
ZEITGEBER_TEST_BINARY=$(realpath "${CARGO_TARGET_DIR:-target}/debug/zeitgeber")
export ZEITGEBER_TEST_BINARY
export ZEITGEBER_CLUSTER_FAULTS=${ZEITGEBER_CLUSTER_FAULTS:-kills=100,zombies=10,rebalances=20,brokers=5,databases=5}
# The whole workspace, so that nothing is built once more with other features.
cargo test --quiet --workspace --test cluster -- --nocapture \
  whatever_befalls_workers_and_servers_nothing_is_lost_and_nothing_doubled
