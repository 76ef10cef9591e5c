# Folds shorter periods into a longer one: days into a month, months into a year. Reads files of
# one JSON line each, as daily.awk and this program write them, and prints one such line.
#
#   awk -f fold.awk -v city=seattle -v period=2012-01 out/daily/seattle/2012-01-*.json
#
# Sums are sums, means are weighted by days, and the extremes are those of the single days.

{
  d = number("days")
  days += d
  rain += number("precipitation_mm")
  wet += number("wet_days")
  mean += d * number("temp_mean_c")
  high += d * number("temp_high_c")
  low += d * number("temp_low_c")
  top = number("temp_max_c")
  bottom = number("temp_min_c")
  if (NR == 1 || top > hottest) hottest = top
  if (NR == 1 || bottom < coldest) coldest = bottom
}

END {
  if (failed) exit 65
  printf "{\"city\":\"%s\",\"period\":\"%s\",\"days\":%d,", city, period, days
  printf "\"precipitation_mm\":%.1f,\"wet_days\":%d,", rain, wet
  printf "\"temp_mean_c\":%.2f,", mean / days
  printf "\"temp_high_c\":%.2f,\"temp_low_c\":%.2f,", high / days, low / days
  printf "\"temp_max_c\":%.1f,\"temp_min_c\":%.1f}\n", hottest, coldest
}

function number(key) {
  if (match($0, "\"" key "\":-?[0-9.]+"))
    return substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3) + 0
  print FILENAME ": it has no number \"" key "\": " $0 | "cat 1>&2"
  failed = 1
  exit 65
}
