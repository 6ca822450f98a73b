#!/usr/bin/env bash
# cluster.sh up|down DIR: two workers on one machine that share a log, with real Kafka and Cassandra
# (infra/services) and no containers. `up` builds, starts what is not there yet, and says where all
# of it listens; `down` stops it, and with --wipe removes its data, too.
set -euo pipefail
cd "$(dirname "$0")/.."
usage="usage: cluster.sh up DIR | cluster.sh down DIR [--wipe]"
what=${1:?$usage} dir=${2:?$usage}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

running() { [ -s "$dir/worker-$1.pid" ] && kill -0 "$(cat "$dir/worker-$1.pid")" 2>/dev/null; }

if [ "$what" = down ]; then
  for n in 1 2; do
    if running "$n"; then kill -TERM "$(cat "$dir/worker-$n.pid")"; fi
  done
  for n in 1 2; do
    while running "$n"; do sleep 0.2; done
    rm -f "$dir/worker-$n.pid"
  done
  bash infra/services/down.sh "$dir" "${@:3}"
  [ "${3:-}" != --wipe ] || rm -rf "$dir/cache"
  exit
fi
[ "$what" = up ] || { echo "$usage" >&2; exit 2; }

bash infra/setup.sh
cargo build --quiet --release --package zeitgeber --bin zeitgeber
zeitgeber="${CARGO_TARGET_DIR:-target}/release/zeitgeber"
bash infra/services/up.sh "$dir" > /dev/null
# shellcheck disable=SC1091
. "$dir/env"
journal="scylla://$ZEITGEBER_TEST_CQL/zeitgeber"
cat > "$dir/cluster.toml" <<TOML
[log]
partitions = 16

[kafka]
brokers = "$ZEITGEBER_TEST_KAFKA"

[cql]
# One node here; three where losing one must not stop writing.
replication = 1
cache_dir = "$dir/cache"
TOML
"$zeitgeber" --config "$dir/cluster.toml" schema apply --journal "$journal"
"$zeitgeber" --config "$dir/cluster.toml" topics apply
for n in 1 2; do
  running "$n" && continue
  setsid "$zeitgeber" --config "$dir/cluster.toml" serve --journal "$journal" \
    --listen "127.0.0.1:$((8786 + n))" > "$dir/worker-$n.log" 2>&1 < /dev/null &
  echo $! > "$dir/worker-$n.pid"
done
for n in 1 2; do
  for _ in $(seq 300); do
    if curl -fs "127.0.0.1:$((8786 + n))/readyz" > /dev/null; then break; fi
    running "$n" || { echo "worker $n ended:" >&2; tail -n 5 "$dir/worker-$n.log" >&2; exit 1; }
    sleep 0.1
  done
done
cat <<SAID
worker 1: http://127.0.0.1:8787   log: $dir/worker-1.log
worker 2: http://127.0.0.1:8788   log: $dir/worker-2.log
Kafka:    $ZEITGEBER_TEST_KAFKA   log of the workers: $journal

$zeitgeber --config $dir/cluster.toml ingest FILE --profiles FILE --kafka $ZEITGEBER_TEST_KAFKA
$zeitgeber --config $dir/cluster.toml cluster status --journal $journal
SAID
