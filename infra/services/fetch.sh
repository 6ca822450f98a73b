#!/usr/bin/env bash
# fetch.sh LIBDIR: collects the pinned servers' jars into LIBDIR/kafka and LIBDIR/cassandra (once; about 120 MB).
# Installs Java 17 and Maven where they are missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
libs=${1:?usage: fetch.sh LIBDIR}
command -v java >/dev/null && command -v mvn >/dev/null ||
  bash "$here/../packages.sh" "to run Kafka and Cassandra" openjdk-17-jre-headless maven
for s in kafka cassandra; do
  stamp=$libs/$s/.$(cksum < "$here/$s/pom.xml" | tr ' ' -)
  [ -e "$stamp" ] && continue
  rm -rf "${libs:?}/$s"; mkdir -p "$libs/$s"
  mvn -q -B -f "$here/$s/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DoutputDirectory="$(cd "$libs/$s" && pwd)"
  touch "$stamp"
done
