# The service accepts connections, or the host is not ready.
until (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; do
  if ((SECONDS > limit)); then
    echo "port $PORT accepts no connection"
    journalctl --no-pager --lines 60 --unit "$UNIT"
    exit 1
  fi
  sleep 2
done
