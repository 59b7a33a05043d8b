#!/bin/sh
# Fuzzes what reads bytes from outside, for SECONDS each and one after the other; the targets are those of Fuzz.java.
#
#   docs/fuzz.sh SECONDS [TARGET...]      600 seconds: docs/fuzz.sh 600; one target: docs/fuzz.sh 600 uplink
#
# Needs Maven. What was learnt lies in sluice-fuzz/ (or FUZZ=directory) and is gone on from; the log of a target is TARGET.log there, and an
# input that breaks a promise TARGET-crash-* or TARGET-timeout-*. Ends with 1 where there is one: mend it, and keep the input as a seed.
set -eu

[ $# -gt 0 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
seconds=$1
shift
here=$(CDPATH='' cd -P "$(dirname "$0")" && pwd)
root=$here/..
seeds=$root/transforms/src/test/resources/fuzz
work=${FUZZ:-sluice-fuzz}
mkdir -p "$work"
work=$(CDPATH='' cd -P "$work" && pwd)
[ $# -gt 0 ] || set -- block documents keys npy plan reference scores summaries symbols tables uplink

(cd "$root" && mvn -B -ntp -q test-compile dependency:build-classpath -Dmdep.includeScope=test -Dmdep.outputFile="$work/classpath" -pl schemas,transforms)
CLASSPATH=$root/transforms/target/test-classes:$root/transforms/target/classes:$root/schemas/target/classes:$(cat "$work/classpath")
export CLASSPATH

found=0
for target; do
  [ -d "$seeds/$target" ] || { echo "fuzz.sh: no target '$target'" >&2; exit 2; }
  mkdir -p "$work/$target"
  if sh "$here/fuzz-jvm.sh" "$target" "$seconds" "$work/$target" "$seeds/$target" >"$work/$target.log" 2>&1; then
    result=nothing
  else
    result="something: see $work/$target.log"
    found=1
  fi
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$target.log")
  echo "$target: ${runs:-?} executions, found $result"
done
exit "$found"
