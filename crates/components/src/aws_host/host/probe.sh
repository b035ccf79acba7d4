#!/bin/bash
# Asks the database through the other server's end of the tunnel, and tells what came of it as a metric: 1 or 0.
. /usr/local/lib/landfall/aws.sh
query() {
  timeout 40 setpriv --reuid landfall --regid landfall --clear-groups \
    python3 /usr/local/lib/landfall/query.py "$@" </run/landfall/files/login
}

works=0
if said=$(query 127.0.0.1 "$BACK" 2>&1); then
  works=1
elif systemctl is-active --quiet "$UNIT" &&
  journalctl --quiet --no-pager --unit "$UNIT" "_SYSTEMD_INVOCATION_ID=$(systemctl show --value --property InvocationID "$UNIT")" |
  grep -q 'administratively prohibited'; then
  # The other server lets nobody ask from this side: that the connection is there and the database answers must do.
  if said=$(query 2>&1); then works=1; fi
fi
# Where nothing listens the client has no connection, and says itself why.
if test "$works" = 0 && [[ "$said" != *ConnectionRefused* ]]; then echo "no query comes through: $(tail -n 1 <<<"$said")"; fi
# Goes to the log group with the lines of the client: whoever asks how the tunnel is reads the last one.
echo "$(date --utc +%FT%TZ) $METRIC: $works"
call monitoring/ -d Action=PutMetricData -d Version=2010-08-01 -d "Namespace=$NAMESPACE" \
  -d "MetricData.member.1.MetricName=$METRIC" -d "MetricData.member.1.Value=$works" \
  -d MetricData.member.1.Dimensions.member.1.Name=Tunnel \
  --data-urlencode "MetricData.member.1.Dimensions.member.1.Value=$TUNNEL" >/dev/null
