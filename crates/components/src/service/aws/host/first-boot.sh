#!/bin/bash
# Sets the host up, then tells CloudFormation whether that went well; the end of the log goes to the log group.
. /usr/local/lib/landfall/aws.sh
log=/var/log/landfall-set-up.log
status=SUCCESS
/usr/local/lib/landfall/set-up >"$log" 2>&1 || status=FAILURE
cat "$log"
instance=$(metadata instance-id)
# The body goes through a file: the standard input of a call is for its keys.
body=$(mktemp)
logs() {
  cat >"$body"
  call logs -H 'Content-Type: application/x-amz-json-1.1' -H "X-Amz-Target: Logs_20140328.$1" -d "@$body" >/dev/null
}
{
  stream="set-up/$instance"
  printf '{"logGroupName": "%s", "logStreamName": "%s"}' "$LOGS" "$stream" | logs CreateLogStream
  tail -n 100 "$log" | python3 -c '
import json, sys, time
now = int(time.time() * 1000)
events = [{"timestamp": now, "message": line.rstrip() or " "} for line in sys.stdin]
print(json.dumps({"logGroupName": sys.argv[1], "logStreamName": sys.argv[2], "logEvents": events}))
' "$LOGS" "$stream" | logs PutLogEvents
} || echo 'the log could not be sent' >&2
call cloudformation -d Action=SignalResource -d Version=2010-05-15 --data-urlencode "StackName=$STACK" \
  -d "LogicalResourceId=$GROUP" -d "UniqueId=$instance" -d "Status=$status" >/dev/null ||
  echo 'nobody waits for the signal' >&2
test "$status" = SUCCESS
