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

# call SERVICE [CURL-ARGUMENT...]: a signed request; the answer goes to standard output.
call() {
  local service=$1 role keys
  shift
  role=$(metadata iam/security-credentials/)
  keys=$(metadata "iam/security-credentials/$role")
  {
    printf 'user = "%s:%s"\n' "$(field AccessKeyId <<<"$keys")" "$(field SecretAccessKey <<<"$keys")"
    printf 'header = "x-amz-security-token: %s"\n' "$(field Token <<<"$keys")"
  } | curl -sS --fail-with-body --retry 5 --max-time 30 --config - \
    --aws-sigv4 "aws:amz:$REGION:$service" "$@" "https://$service.$REGION.$DOMAIN/"
}
