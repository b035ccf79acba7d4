
step 'agent of Systems Manager'
until systemctl is-active --quiet snap.amazon-ssm-agent.amazon-ssm-agent.service; do
  if ((SECONDS > 300)); then
    systemctl status --no-pager snap.amazon-ssm-agent.amazon-ssm-agent.service || true
    exit 1
  fi
  sleep 2
done
