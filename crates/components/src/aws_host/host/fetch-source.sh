#!/bin/bash
# Brings the folder that the service runs from, and takes it only with the digest that the manifest had.
. /usr/local/lib/landfall/aws.sh
umask 022
new=/opt/landfall/source.new
rm -rf "$new"
mkdir -p "$new"
call "s3/$RELEASES/$RELEASE" -o "$new.tar.gz"
gunzip --force "$new.tar.gz"
printf '%s  %s\n' "$RELEASE_DIGEST" "$new.tar" | sha256sum --check --quiet
tar --extract --file "$new.tar" --directory "$new" --no-same-owner --no-same-permissions
rm "$new.tar"
mv "$new" /opt/landfall/source
