#!/bin/bash
# Sends what the service said since the last time to its log group, with what a tunnel's probe said and why secrets did not come. What
# could not be sent is sent the next time.
set -euo pipefail
. /etc/landfall/host.env
cd "$STATE_DIRECTORY"
rm -rf next
mkdir next
if test -e cursor; then cp cursor next/cursor; fi
journalctl --quiet --all --no-pager --output json --cursor-file next/cursor \
  "_SYSTEMD_UNIT=$UNIT" + "UNIT=$UNIT" _PID=1 + _SYSTEMD_UNIT=landfall-probe.service \
  + _SYSTEMD_UNIT=landfall-secrets.service >next/lines
test -s next/lines || exit 0
. /usr/local/lib/landfall/aws.sh
stream=service/$(metadata instance-id)
python3 /usr/local/lib/landfall/events.py journal "$LOGS" "$stream" next <next/lines
log "$stream" next
mv next/cursor cursor
