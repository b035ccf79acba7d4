#!/bin/bash
# Writes the files that hold secrets into memory, once after each start of the host. The last word of a line says what
# the file is made of: another content is another host.
. /usr/local/lib/landfall/aws.sh
umask 077
question=$(mktemp)
while read -r path mode arn _; do
  install -d -m 0711 "$(dirname "$path")"
  printf '{"SecretId": "%s"}' "$arn" >"$question"
  # An answer that is no secret says why.
  answer=$(json secretsmanager secretsmanager.GetSecretValue "$question") || {
    echo "$arn: $answer" >&2
    exit 1
  }
  printf '%s' "$answer" | field SecretString >"$path.new"
  chown landfall:landfall "$path.new"
  chmod "$mode" "$path.new"
  mv "$path.new" "$path"
done </etc/landfall/secrets
rm "$question"
