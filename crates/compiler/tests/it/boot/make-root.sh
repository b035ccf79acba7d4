#!/bin/bash
# Makes the root file system of an Ubuntu 24.04 host as its cloud image has it, as far as set-up is concerned: FOLDER.
# Packages are verified with Ubuntu's key, the key with its digest.
set -euo pipefail
folder=$1
mkdir -p "$folder"
cd "$folder"
archive=http://archive.ubuntu.com/ubuntu
keyring=ubuntu-keyring_2023.11.28.1_all.deb
curl -sSf --retry 3 --max-time 60 -o keyring.deb "$archive/pool/main/u/ubuntu-keyring/$keyring"
echo "36de43b15853ccae0028e9a767613770c704833f82586f28eb262f0311adb8a8  keyring.deb" | sha256sum --check --quiet
# apt reads it as a user of its own, who cannot enter every folder.
keys=$(mktemp -d)
trap 'rm -rf "$keys"' EXIT
chmod 0755 "$keys"
dpkg-deb --extract keyring.deb "$keys"
packages=apt,ubuntu-keyring,ca-certificates,cloud-init,curl,dbus,iproute2,libgomp1,libstdc++6,locales,netplan.io
packages+=,openssh-server,openssl,procps,python3,sudo,systemd,systemd-resolved,systemd-sysv,tzdata,udev
mmdebstrap --quiet --variant=minbase --keyring="$keys/usr/share/keyrings/ubuntu-archive-keyring.gpg" \
  --components=main,universe --include="$packages" noble root.new.tar \
  "deb $archive noble main universe" "deb $archive noble-updates main universe" "deb $archive noble-security main universe"
mkdir -p root.new
tar --extract --file root.new.tar --directory root.new --numeric-owner
rm root.new.tar
mv root.new root
