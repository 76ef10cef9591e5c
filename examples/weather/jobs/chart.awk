# Draws the months of all cities as one SVG chart: temperature above, precipitation below.
#
#   awk -f chart.awk out/monthly/*/*.json >report.svg
#
# Every input is one line of JSON, as fold.awk writes it. Scales follow from the data; the layout is
# fixed for four years of two cities, and still readable for more.

{
  city = text("city")
  month = text("period")
  if (!(city in cityIndex)) { cityIndex[city] = ++cities; cityName[cities] = city }
  c = cityIndex[city]
  i = substr(month, 1, 4) * 12 + substr(month, 6, 2) - 1 # Months since year 0.
  if (NR == 1 || i < first) first = i
  if (NR == 1 || i > last) last = i
  seen[c, i] = 1
  mean[c, i] = number("temp_mean_c")
  high[c, i] = number("temp_high_c")
  low[c, i] = number("temp_low_c")
  rain[c, i] = number("precipitation_mm")
  if (NR == 1 || high[c, i] > hottest) hottest = high[c, i]
  if (NR == 1 || low[c, i] < coldest) coldest = low[c, i]
  if (rain[c, i] > wettest) { wettest = rain[c, i]; wettestCity = c; wettestMonth = i }
}

END {
  if (failed) exit 65
  if (NR == 0) { complain("no months to draw"); exit 65 }
  colour[1] = "#0b7285"
  colour[2] = "#d9480f"
  colour[3] = "#5f3dc4"
  colour[4] = "#2b8a3e"
  split("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec", monthName, " ")

  W = 1120; H = 700; L = 76; R = W - 30 # The plots lie between L and R.
  T0 = 138; T1 = 412                    # Temperature: top and bottom.
  P0 = 468; P1 = 614                    # Precipitation: top and bottom.
  tMin = 5 * floor(coldest / 5)
  tMax = 5 * ceiling(hottest / 5)
  pMax = 50 * ceiling(wettest / 50)
  slot = (R - L) / (last - first + 1)

  head()
  years()
  temperature()
  precipitation()
  foot()
}

function head(  title, c) {
  for (c = 1; c <= cities; c++)
    title = title (c == 1 ? "" : c == cities ? " and " : ", ") spell(cityName[c])
  title = title ", " floor(first / 12) "–" floor(last / 12) ": temperature and precipitation"
  printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\"", W, H
  printf " width=\"%d\" height=\"%d\" role=\"img\" aria-labelledby=\"title\"", W, H
  print " font-family=\"Inter, 'Segoe UI', 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif\">"
  print "<title id=\"title\">" title "</title>"
  print "<rect width=\"100%\" height=\"100%\" fill=\"#fcfcfa\"/>"
  label(L, 46, 23, "#1b1f23", "start", title, " font-weight=\"600\"")
  label(L, 72, 14, "#57606a", "start", \
    "By month. Line: mean temperature; band: from the mean daily low to the mean daily high; " \
    "bars: sum of precipitation.")
  for (c = 1; c <= cities; c++) legend(L + (c - 1) * 150, 102, c)
}

function legend(x, y, c) {
  printf "<rect x=\"%d\" y=\"%d\" width=\"26\" height=\"14\" rx=\"2\" fill=\"%s\"", x, y - 11, colour[c]
  print " fill-opacity=\"0.18\"/>"
  line(x, y - 4, x + 26, y - 4, colour[c], 2.4)
  label(x + 34, y + 1, 14, "#1b1f23", "start", spell(cityName[c]), " font-weight=\"600\"")
}

# Alternate years are shaded through both plots; the axis below names years and quarters.
function years(  i, y, from, to) {
  for (y = floor(first / 12); y <= floor(last / 12); y++) {
    from = y * 12 < first ? first : y * 12
    to = y * 12 + 12 > last + 1 ? last + 1 : y * 12 + 12
    if (y % 2)
      printf "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"#f1f3f0\"/>\n", \
        edge(from), T0, (to - from) * slot, P1 - T0
    label(edge((from + to) / 2), P1 + 42, 15, "#1b1f23", "middle", y, " font-weight=\"600\"")
  }
  for (i = first; i <= last; i++)
    if (i % 3 == 0)
      label(middle(i), P1 + 20, 12, "#57606a", "middle", monthName[i % 12 + 1])
}

function temperature(  t, c) {
  for (t = tMin; t <= tMax; t += 5) {
    line(L, yt(t), R, yt(t), t == 0 ? "#8b949e" : "#dfe2e5", t == 0 ? 1.2 : 1)
    if (t % 10 == 0) label(L - 10, yt(t) + 4, 12.5, "#57606a", "end", minus(t))
  }
  axisTitle((T0 + T1) / 2, "Temperature (°C)")
  for (c = 1; c <= cities; c++) band(c)
  for (c = 1; c <= cities; c++) curve(c)
}

function band(c,  i, d) {
  for (i = first; i <= last; i++)
    if ((c, i) in seen) d = d sprintf("%s%.1f,%.1f", d ? " L" : "M", middle(i), yt(high[c, i]))
  for (i = last; i >= first; i--)
    if ((c, i) in seen) d = d sprintf(" L%.1f,%.1f", middle(i), yt(low[c, i]))
  print "<path d=\"" d " Z\" fill=\"" colour[c] "\" fill-opacity=\"0.16\"/>"
}

function curve(c,  i, d) {
  for (i = first; i <= last; i++)
    if ((c, i) in seen) d = d sprintf("%s%.1f,%.1f", d ? " L" : "M", middle(i), yt(mean[c, i]))
  printf "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2.4\"", d, colour[c]
  print " stroke-linejoin=\"round\" stroke-linecap=\"round\"/>"
}

function precipitation(  p, c, i, width, x, late) {
  for (p = 0; p <= pMax; p += 50) {
    line(L, yp(p), R, yp(p), p == 0 ? "#8b949e" : "#dfe2e5", p == 0 ? 1.2 : 1)
    if (p % 100 == 0) label(L - 10, yp(p) + 4, 12.5, "#57606a", "end", p)
  }
  axisTitle((P0 + P1) / 2, "Precipitation (mm)")
  width = slot * 0.8 / cities
  for (i = first; i <= last; i++)
    for (c = 1; c <= cities; c++) {
      if (!((c, i) in seen)) continue
      x = middle(i) - slot * 0.4 + (c - 1) * width
      printf "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\">", \
        x, yp(rain[c, i]), width - 0.6, P1 - yp(rain[c, i]), colour[c]
      printf "<title>%s, %s: %.1f mm</title></rect>\n", spell(cityName[c]), monthText(i), rain[c, i]
    }
  # Beside the tallest bar, where the next bars are lower.
  x = middle(wettestMonth) + (wettestCity - 1) * width - slot * 0.4
  late = wettestMonth - first > 12
  label(late ? x - 6 : x + width + 6, yp(wettest) + 9, 12, "#1b1f23", late ? "end" : "start", \
    sprintf("wettest: %s, %s, %.0f mm", \
      spell(cityName[wettestCity]), monthText(wettestMonth), wettest))
}

function foot() {
  label(L, H - 16, 12, "#57606a", "start", \
    "Source: NOAA National Climatic Data Center, Climate Data Online (public domain).")
  label(R, H - 16, 12, "#57606a", "end", NR " months of " cities " cities")
  print "</svg>"
}

function axisTitle(y, title) {
  printf "<text transform=\"translate(%d,%d) rotate(-90)\" font-size=\"13\"", L - 48, y
  print " fill=\"#1b1f23\" text-anchor=\"middle\">" title "</text>"
}

function label(x, y, size, fill, anchor, content, more) {
  printf "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%s\" fill=\"%s\"", x, y, size, fill
  print " text-anchor=\"" anchor "\"" more ">" content "</text>"
}

function line(x1, y1, x2, y2, stroke, width) {
  printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"", x1, y1, x2, y2
  print " stroke=\"" stroke "\" stroke-width=\"" width "\"/>"
}

function edge(i) { return L + (i - first) * slot }
function middle(i) { return edge(i + 0.5) }
function yt(t) { return T1 - (t - tMin) / (tMax - tMin) * (T1 - T0) }
function yp(p) { return P1 - p / pMax * (P1 - P0) }
function monthText(i) { return monthName[i % 12 + 1] " " floor(i / 12) }
function minus(n) { return n < 0 ? "−" (-n) : n }
function floor(x) { return int(x) - (x < int(x)) }
function ceiling(x) { return -floor(-x) }

# new-york: New York.
function spell(name,  part, n, i, all) {
  n = split(name, part, "-")
  for (i = 1; i <= n; i++)
    all = all (i > 1 ? " " : "") toupper(substr(part[i], 1, 1)) substr(part[i], 2)
  return escape(all)
}

function escape(s) { gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); return s }

function number(key) {
  if (match($0, "\"" key "\":-?[0-9.]+"))
    return substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3) + 0
  complain(FILENAME ": it has no number \"" key "\": " $0)
  exit 65
}

function text(key) {
  if (match($0, "\"" key "\":\"[^\"]*\""))
    return substr($0, RSTART + length(key) + 4, RLENGTH - length(key) - 5)
  complain(FILENAME ": it has no text \"" key "\": " $0)
  exit 65
}

function complain(what) {
  print what | "cat 1>&2"
  failed = 1
}
