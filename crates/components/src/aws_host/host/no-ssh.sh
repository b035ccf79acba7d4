
step 'no log-in'
# Nobody logs in here: the only way in is a session that the agent opens from inside.
systemctl disable --now ssh.socket ssh.service 2>/dev/null || true
systemctl mask ssh.socket ssh.service
