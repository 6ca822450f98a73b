#!/usr/bin/env bash
# Checks the Prometheus configuration and rules, and runs the alerts' unit tests. Installs
# Prometheus (for `promtool`) where it is missing: Debian's package `prometheus`.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v promtool >/dev/null || ! command -v prometheus >/dev/null; then
  command -v apt-get >/dev/null || {
    echo "check: promtool is missing, and no apt-get to install it: install Prometheus" >&2
    exit 1
  }
  root=()
  [ "$(id -u)" -eq 0 ] || root=(sudo)
  echo "check: installing prometheus (promtool and the server for the live test)"
  "${root[@]}" apt-get update -qq
  "${root[@]}" apt-get install -y -qq --no-install-recommends prometheus
fi

promtool check config prometheus.yml
promtool check rules rules/*.yml
promtool test rules tests/*.yml
