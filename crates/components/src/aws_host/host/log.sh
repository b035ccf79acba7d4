
step 'log'
systemctl daemon-reload
systemctl enable --now landfall-journal.service
