
step 'service'
limit=$((SECONDS + HEALTH_SECONDS))
systemctl daemon-reload
systemctl enable landfall-journal.service "$UNIT"
systemctl start landfall-journal.service
# It waits for its secrets, which are asked for again and again.
if ! timeout "$HEALTH_SECONDS" systemctl start "$UNIT"; then
  journalctl --no-pager --lines 60 --unit "$UNIT" --unit landfall-secrets.service
  exit 1
fi
