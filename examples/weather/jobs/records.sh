#!/bin/sh
# The hottest, coldest and wettest day of a city, over all years that there is a file for.
#
#   records.sh config                which inputs? asked on stdin, answered on stdout, in JSON
#   records.sh exec OUT CSV...       find the records in these files
#
# This is the whole protocol of a job that wants full control over its inputs.
set -eu

config() {
  # stdin: {"outputs":["records/seattle","records/new-york"]}
  printf '{"configs":['
  comma=
  for output in $(tr -d ' \n' | sed 's/.*\[//; s/\].*//; s/"//g; s/,/ /g'); do
    city=${output#records/}
    inputs=
    for file in data/"$city"-[0-9][0-9][0-9][0-9].csv; do
      [ -e "$file" ] || continue
      year=${file%.csv}
      inputs="$inputs${inputs:+,}\"observed/$city/${year##*-}\""
    done
    printf '%s{"outputs":["%s"],"inputs":[%s]}' "$comma" "$output" "$inputs"
    comma=,
  done
  printf ']}\n'
}

records() {
  out=$1
  shift
  cat "$@" | grep -v '^date,' | {
    set -- # Each record is the first or last line of a sorting of all days.
    days=$(cat)
    hottest=$(printf '%s\n' "$days" | sort -t, -k3,3nr -k1,1 | head -n 1)
    coldest=$(printf '%s\n' "$days" | sort -t, -k4,4n -k1,1 | head -n 1)
    wettest=$(printf '%s\n' "$days" | sort -t, -k2,2nr -k1,1 | head -n 1)
    printf '{"hottest":"%s","hottest_c":%s,"coldest":"%s","coldest_c":%s,' \
      "${hottest%%,*}" "$(printf '%s' "$hottest" | cut -d, -f3)" \
      "${coldest%%,*}" "$(printf '%s' "$coldest" | cut -d, -f4)"
    printf '"wettest":"%s","wettest_mm":%s}\n' \
      "${wettest%%,*}" "$(printf '%s' "$wettest" | cut -d, -f2)"
  } >"$out"
}

case ${1:-} in
  config) config ;;
  exec)
    shift
    records "$@"
    ;;
  *)
    echo "usage: records.sh config | exec OUT CSV..." >&2
    exit 64
    ;;
esac
