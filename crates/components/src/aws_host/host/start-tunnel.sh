
step 'tunnel'
# Whether the other server takes the key is somebody else's matter: the host is ready, the alarm tells when no query comes through.
systemctl daemon-reload
systemctl enable landfall-journal.service "$UNIT" landfall-probe.timer
systemctl start landfall-journal.service landfall-probe.timer
if ! timeout "$HEALTH_SECONDS" systemctl start "$UNIT"; then
  journalctl --no-pager --lines 60 --unit "$UNIT" --unit landfall-secrets.service
  exit 1
fi
