#!/bin/sh
# Fetches the page at the address $2, which a line of a feed gave, into the file $1.
set -eu
exec curl --fail --silent --show-error --max-time 60 --output "$1" "$2"
