
step 'tunnel'
# Whether the other server takes the key is somebody else's matter: the host is ready, the alarm tells when no query comes through.
systemctl daemon-reload
systemctl enable --now landfall-journal.service "$UNIT" landfall-probe.timer
