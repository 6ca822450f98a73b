#!/usr/bin/env bash
# Checks the Prometheus configuration and rules, and runs the alerts' unit tests. Installs
# Prometheus (for `promtool`) where it is missing: Debian's package `prometheus`.
set -euo pipefail
cd "$(dirname "$0")"

command -v promtool >/dev/null && command -v prometheus >/dev/null ||
  bash ../packages.sh "promtool, and the server for the live test" prometheus

promtool check config prometheus.yml
promtool check rules rules/*.yml
promtool test rules tests/*.yml
