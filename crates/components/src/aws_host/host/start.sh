
step 'service'
limit=$((SECONDS + HEALTH_SECONDS))
systemctl daemon-reload
systemctl enable --now landfall-journal.service "$UNIT"
