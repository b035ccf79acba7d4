#!/bin/bash
# Sets the host up, then tells CloudFormation whether that went well; the log goes to the log group.
. /usr/local/lib/landfall/aws.sh
said=/var/log/landfall-set-up.log
status=SUCCESS
/usr/local/lib/landfall/set-up >"$said" 2>&1 || status=FAILURE
cat "$said"
instance=$(metadata instance-id)
requests=$(mktemp -d)
{
  python3 /usr/local/lib/landfall/events.py plain "$LOGS" "set-up/$instance" "$requests" <"$said" &&
    log "set-up/$instance" "$requests"
} || echo 'the log could not be sent' >&2
rm -rf "$requests"
call cloudformation/ -d Action=SignalResource -d Version=2010-05-15 --data-urlencode "StackName=$STACK" \
  -d "LogicalResourceId=$GROUP" -d "UniqueId=$instance" -d "Status=$status" >/dev/null ||
  echo 'nobody waits for the signal' >&2
test "$status" = SUCCESS
