# What this host asks of AWS, signed with the role of the instance. Keys are never arguments of a program.
set -euo pipefail
. /etc/landfall/host.env

token=$(curl -sSf --retry 8 --retry-connrefused --max-time 5 -X PUT \
  -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' http://169.254.169.254/latest/api/token)

metadata() {
  printf 'header = "X-aws-ec2-metadata-token: %s"\n' "$token" |
    curl -sSf --retry 8 --retry-all-errors --max-time 5 --config - "http://169.254.169.254/latest/meta-data/$1"
}

# field NAME: the text under a key of the JSON mapping on standard input.
field() {
  python3 -c 'import json, sys; sys.stdout.write(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

# call SERVICE/PATH [CURL-ARGUMENT...]: a signed request; the answer goes to standard output.
call() {
  local service path role keys
  IFS=/ read -r service path <<<"$1"
  shift
  role=$(metadata iam/security-credentials/)
  keys=$(metadata "iam/security-credentials/$role")
  {
    printf 'user = "%s:%s"\n' "$(field AccessKeyId <<<"$keys")" "$(field SecretAccessKey <<<"$keys")"
    printf 'header = "x-amz-security-token: %s"\n' "$(field Token <<<"$keys")"
  } | curl -sS --fail-with-body --retry 5 --connect-timeout 10 --max-time 300 --config - \
    --aws-sigv4 "aws:amz:$REGION:$service" "$@" "https://$service.$REGION.$DOMAIN/$path"
}

# json SERVICE OPERATION FILE: a request of the JSON protocol. Its body goes through a file: standard input is for keys.
json() {
  call "$1/" -H 'Content-Type: application/x-amz-json-1.1' -H "X-Amz-Target: $2" -d "@$3"
}

# log STREAM FOLDER: sends the requests that events.py wrote into a folder.
log() {
  local body made
  printf '{"logGroupName": "%s", "logStreamName": "%s"}' "$LOGS" "$1" >"$2/stream"
  made=$(json logs Logs_20140328.CreateLogStream "$2/stream" 2>&1) ||
    [[ "$made" == *ResourceAlreadyExistsException* ]] || { echo "$made" >&2; return 1; }
  for body in "$2"/*.json; do
    json logs Logs_20140328.PutLogEvents "$body" >/dev/null || return 1
  done
}
