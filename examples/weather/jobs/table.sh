#!/bin/sh
# Prints a Markdown table of all years and, below it, each city's records.
#
#   sh table.sh RECORDS.json... YEARLY.json... >table.md
#
# Every input is one line of JSON with known keys, so sed is enough to read it.
set -eu

# field KEY FILE: the value of that key, without its quotes.
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p" "$2"; }

# title new-york: New York.
title() {
  printf '%s\n' "$1" |
    awk -F- '{ for (i = 1; i <= NF; i++) printf "%s%s%s", (i > 1 ? " " : ""), toupper(substr($i, 1, 1)), substr($i, 2) }'
}

echo '# Weather by year'
echo
echo '| city | year | mean °C | highest °C | lowest °C | precipitation mm | wet days |'
echo '|---|---|---:|---:|---:|---:|---:|'
for file in "$@"; do
  case $file in */records/*) continue ;; esac
  printf '| %s | %s | %s | %s | %s | %s | %s |\n' \
    "$(title "$(field city "$file")")" "$(field period "$file")" "$(field temp_mean_c "$file")" \
    "$(field temp_max_c "$file")" "$(field temp_min_c "$file")" \
    "$(field precipitation_mm "$file")" "$(field wet_days "$file")"
done
echo
for file in "$@"; do
  case $file in */records/*) ;; *) continue ;; esac
  city=${file##*/}
  printf -- '- %s: hottest %s (%s °C), coldest %s (%s °C), wettest %s (%s mm)\n' \
    "$(title "${city%.json}")" \
    "$(field hottest "$file")" "$(field hottest_c "$file")" \
    "$(field coldest "$file")" "$(field coldest_c "$file")" \
    "$(field wettest "$file")" "$(field wettest_mm "$file")"
done
echo
echo 'A day is wet from 1 mm on. Source: NOAA Climate Data Online, public domain.'
