#!/bin/bash
# Writes the files that hold secrets into memory, once after each start of the host.
. /usr/local/lib/landfall/aws.sh
umask 077
while read -r path mode arn; do
  install -d -m 0711 "$(dirname "$path")"
  call secretsmanager -H 'Content-Type: application/x-amz-json-1.1' \
    -H 'X-Amz-Target: secretsmanager.GetSecretValue' -d "{\"SecretId\": \"$arn\"}" |
    field SecretString >"$path.new"
  chown landfall:landfall "$path.new"
  chmod "$mode" "$path.new"
  mv "$path.new" "$path"
done </etc/landfall/secrets
