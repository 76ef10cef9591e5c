#!/bin/sh
# Draws a picture called $1 of what $2 says; here it only writes it down.
set -eu
mkdir -p pictures
echo "$2" >"pictures/$1.txt"
