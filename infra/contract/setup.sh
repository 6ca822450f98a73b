#!/usr/bin/env bash
# Installs schemathesis, which drives every endpoint from the OpenAPI document, into
# target/contract (a Python environment of its own). Does nothing where it is there already.
set -euo pipefail
cd "$(dirname "$0")/../.."
into="${CARGO_TARGET_DIR:-target}/contract"
wanted="infra/contract/requirements.txt"
cmp -s "$wanted" "$into/installed.txt" && exit 0

command -v curl >/dev/null && python3 -c 'import ensurepip' 2>/dev/null ||
  bash infra/packages.sh "for the tests over HTTP" python3-venv curl ca-certificates
echo "setup: installing schemathesis into $into (from PyPI)"
rm -rf "$into"
python3 -m venv "$into"
"$into/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
cp "$wanted" "$into/installed.txt"
