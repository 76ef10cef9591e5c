#!/bin/sh
# A worker in shell: ./worker.sh SOCKET COMMAND [ARG...]
# The command gets "KEY REST" as its last argument. Needs socat and timeout.
socket=$1
shift
say=READY
while :; do
  answer=$(echo "$say" | socat -t5 - "UNIX-CONNECT:$socket")
  case $answer in
    JOB\ *)
      job=${answer#JOB }
      timeout 6h "$@" "$job"
      say="DONE ${job%% *} $?" # 124: it took too long.
      ;;
    NOJOBS)
      sleep 60
      say=READY
      ;;
    *) sleep 5 ;; # No answer: the same message again.
  esac
done
