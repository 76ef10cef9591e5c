#!/bin/sh
# A worker in shell: ./worker.sh SOCKET COMMAND [ARG...]
# The command gets "KEY REST" as its last argument. Needs socat and timeout. Variables: LIMIT (6h) is
# how long a job may take; IDLE (60) and AGAIN (5) are the seconds after NOJOBS and after no answer.
socket=$1
shift
say=READY
while :; do
  answer=$(echo "$say" | socat -t5 - "UNIX-CONNECT:$socket")
  case $answer in
    JOB\ *)
      job=${answer#JOB }
      timeout "${LIMIT:-6h}" "$@" "$job"
      say="DONE ${job%% *} $?" # 124: it took too long.
      ;;
    NOJOBS)
      sleep "${IDLE:-60}"
      say=READY
      ;;
    *) sleep "${AGAIN:-5}" ;; # No answer: the same message again.
  esac
done
