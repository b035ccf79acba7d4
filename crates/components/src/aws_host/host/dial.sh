#!/bin/bash
# The SSH client of a tunnel, with the arguments given. Who is turned away at the door knocks less and less often: until the other side
# has registered the key, each pause is twice the last, up to five minutes, and shorter by up to a half, so that no watchman takes it for an
# attack and no two hosts dial in step. Whatever else ends the client ends this too, and systemd starts it again soon.
LONGEST=300
pause=5
while true; do
  is_refused=
  while IFS= read -r line; do
    echo "$line"
    case $line in
      *'Permission denied ('* | *'remote port forwarding failed'*) is_refused=yes ;;
    esac
  done < <(exec /usr/bin/ssh "$@" 2>&1)
  wait "$!"
  code=$?
  if test -z "$is_refused"; then exit "$code"; fi
  seconds=$((pause - RANDOM % (pause / 2 + 1)))
  echo "the other server does not let this tunnel in yet: it is asked again in $seconds s"
  sleep "$seconds"
  pause=$((pause * 2 < LONGEST ? pause * 2 : LONGEST))
done
