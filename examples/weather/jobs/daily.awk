# Finds one day in a year's CSV file and prints it as one line of JSON.
#
#   awk -f daily.awk -v city=seattle -v date=2012-01-04 seattle-2012.csv
#
# A row that cannot be right is never passed on: the job fails with exit code 65 (bad input) and
# names the row and what is wrong with it.

BEGIN { FS = "," }

{ sub(/\r$/, "") }

FNR == 1 && $0 != "date,precipitation_mm,temp_max_c,temp_min_c,wind,weather" {
  bad("the columns are not the six that this job knows: " $0)
}

$1 == date { row = $0; found++ }

END {
  if (failed) exit 65
  if (!found) bad("row " date ": there is no such row")
  else if (found > 1) bad("row " date ": there are " found " of them")
  else convert()
  if (failed) exit 65
}

function convert(  field, names, i) {
  split("date precipitation_mm temp_max_c temp_min_c wind weather", names, " ")
  if (split(row, field, ",") != 6) return bad("row " date ": it does not have 6 columns: " row)
  for (i = 2; i <= 5; i++)
    if (field[i] !~ /^-?[0-9]+(\.[0-9]+)?$/)
      return bad("row " date ": " names[i] " is not a number: " row)
  if (field[2] < 0) return bad("row " date ": precipitation_mm " field[2] " is below zero")
  if (field[4] + 0 > field[3] + 0)
    return bad("row " date ": temp_min_c " field[4] " is above temp_max_c " field[3])

  printf "{\"city\":\"%s\",\"period\":\"%s\",\"days\":1,", city, date
  printf "\"precipitation_mm\":%.1f,\"wet_days\":%d,", field[2], (field[2] >= 1)
  printf "\"temp_mean_c\":%.2f,", (field[3] + field[4]) / 2
  printf "\"temp_high_c\":%.1f,\"temp_low_c\":%.1f,", field[3], field[4]
  printf "\"temp_max_c\":%.1f,\"temp_min_c\":%.1f}\n", field[3], field[4]
}

# Says it twice: a line for people, and the report that Quoin shows as the reason. Both go to
# standard error, because standard output is the partition.
function bad(reason,  quoted) {
  failed = 1
  quoted = reason
  gsub(/[\\"]/, "\\\\&", quoted)
  gsub(/[\001-\037]/, " ", quoted)
  print FILENAME ": " reason | "cat 1>&2"
  print "@quoin {\"fail\":{\"category\":\"bad-input\",\"reason\":\"" quoted "\"}}" | "cat 1>&2"
  close("cat 1>&2")
  exit 65
}
