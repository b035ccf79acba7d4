# The service answers as it should, or the host is not ready.
until
  status=$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 "http://127.0.0.1:$PORT$HEALTH_PATH") || true
  [[ " $HEALTH_STATUSES " == *" $status "* ]]
do
  if ((SECONDS > limit)); then
    echo "$HEALTH_PATH answered $status, not one of: $HEALTH_STATUSES"
    journalctl --no-pager --lines 60 --unit "$UNIT"
    exit 1
  fi
  sleep 2
done
