#!/bin/sh
# Runs one Apache Kafka broker (KRaft, loopback only) in the foreground; no Docker, no ZooKeeper.
#
# usage: run.sh [PORT] [DIR] [CONTROLLER_PORT]
#   PORT             where clients connect on 127.0.0.1 (default 9092)
#   DIR              its records and configuration, kept from one start to the next (default .cache/kafka/PORT)
#   CONTROLLER_PORT  for the broker's own use (default PORT + 1)
# KAFKA_HEAP_OPTS sets the heap (default -Xms256m -Xmx512m); KAFKA_MORE_SETTINGS holds lines for server.properties, which
# win over those of the template.
# Exit status 69: a program or the jars could not be had, and the last line says which and what to do.
set -eu

missing() {
  echo "run.sh: $1 is missing; on Debian: apt-get install $2" >&2
  exit 69
}

command -v java >/dev/null || missing 'Java 17' openjdk-17-jre-headless
java=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
[ "${java:-0}" -ge 17 ] || missing "Java 17 (found ${java:-none})" openjdk-17-jre-headless

here=$(cd "$(dirname "$0")" && pwd)
cache=$(cd "$here/../.." && pwd)/.cache/kafka
version=$(sed -n 's|.*<kafka.version>\(.*\)</kafka.version>.*|\1|p' "$here/pom.xml")
port=${1:-9092}
dir=${2:-$cache/$port}
controller_port=${3:-$((port + 1))}
libs=$cache/$version/libs

fetch() {
  command -v mvn >/dev/null || missing 'Maven' maven
  echo "run.sh: fetching Apache Kafka $version with Maven (once)" >&2
  mkdir -p "$cache/$version"
  unfinished=$(mktemp -d "$cache/$version/fetching.XXXXXX")
  trap 'rm -rf "$unfinished"' EXIT
  trap 'exit 1' INT TERM
  # -C: a jar whose checksum differs ends it.
  mvn -q -B -C -Dstyle.color=never -f "$here/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$unfinished/libs" >&2 || {
    # Maven leaves its last line open.
    printf '\n%s\n' "run.sh: Maven could not fetch Apache Kafka $version; its own words are above" >&2
    exit 69
  }
  # Into place in one step, so that an interrupted download is never taken for a whole one.
  [ -d "$libs" ] || mv "$unfinished/libs" "$libs"
  rm -rf "$unfinished"
  trap - EXIT INT TERM
}
[ -d "$libs" ] || fetch

mkdir -p "$dir"
cd "$dir"
{ cat "$here/server.properties.template"; printf '%s\n' "${KAFKA_MORE_SETTINGS:-}"; } |
  sed "s/@PORT@/$port/g; s/@CONTROLLER_PORT@/$controller_port/g" >server.properties
logging=-Dlog4j2.configurationFile=$here/log4j2.properties

# A folder is formatted once, under an id of its own; the letters that could make it begin like an option are replaced.
if [ ! -f log/meta.properties ]; then
  id=$(head -c 16 /dev/urandom | base64 | tr '+/' 'kk' | tr -d '=\n')
  java "$logging" -cp "$libs/*" kafka.tools.StorageTool format -t "$id" -c server.properties >&2
fi

# Unquoted on purpose: the heap options are several words.
# shellcheck disable=SC2086
exec java ${KAFKA_HEAP_OPTS:--Xms256m -Xmx512m} "$logging" -cp "$libs/*" kafka.Kafka server.properties
