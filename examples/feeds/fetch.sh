#!/bin/sh
# Fetches the page $1 from the address $2, which a feed gave.
set -eu
mkdir -p pages
curl --fail --silent --show-error --max-time 60 --output "pages/$1.html" "$2"
