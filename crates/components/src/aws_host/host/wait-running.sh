# The service still runs a moment after it was started, or the host is not ready.
sleep 5
if ! systemctl is-active --quiet "$UNIT" || ((SECONDS > limit)); then
  journalctl --no-pager --lines 60 --unit "$UNIT"
  exit 1
fi
