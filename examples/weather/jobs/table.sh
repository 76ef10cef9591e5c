#!/bin/sh
# Prints a Markdown table of all years and, below it, each city's records.
#
#   sh table.sh RECORDS.json... YEARLY.json... >table.md
#
# Every input is one line of JSON with known keys and without spaces, so the shell can read it.
set -eu

# read_json FILE: each key becomes a variable.
read_json() {
  # shellcheck disable=SC2046 # One word for each key and each value is what is wanted.
  set -- $(sed 's/[{}",:]/ /g' "$1")
  while [ $# -gt 1 ]; do
    case $1 in
      city) city=$2 ;;
      period) period=$2 ;;
      precipitation_mm) rain=$2 ;;
      wet_days) wet=$2 ;;
      temp_mean_c) mean=$2 ;;
      temp_max_c) highest=$2 ;;
      temp_min_c) lowest=$2 ;;
      hottest) hottest=$2 ;;
      hottest_c) hottest_c=$2 ;;
      coldest) coldest=$2 ;;
      coldest_c) coldest_c=$2 ;;
      wettest) wettest=$2 ;;
      wettest_mm) wettest_mm=$2 ;;
    esac
    shift 2
  done
}

# title new-york: New York.
title() {
  printf '%s\n' "$1" | awk -F- '{
    for (i = 1; i <= NF; i++)
      printf "%s%s%s", (i > 1 ? " " : ""), toupper(substr($i, 1, 1)), substr($i, 2)
  }'
}

echo '# Weather by year'
echo
echo '| city | year | mean °C | highest °C | lowest °C | precipitation mm | wet days |'
echo '|---|---|---:|---:|---:|---:|---:|'
for file in "$@"; do
  case $file in */records/*) continue ;; esac
  read_json "$file"
  echo "| $(title "$city") | $period | $mean | $highest | $lowest | $rain | $wet |"
done
echo
for file in "$@"; do
  case $file in */records/*) ;; *) continue ;; esac
  read_json "$file"
  city=$(basename "$file" .json)
  echo "- $(title "$city"): hottest $hottest ($hottest_c °C)," \
    "coldest $coldest ($coldest_c °C), wettest $wettest ($wettest_mm mm)"
done
echo
echo 'A day is wet from 1 mm on. Source: NOAA Climate Data Online, public domain.'
