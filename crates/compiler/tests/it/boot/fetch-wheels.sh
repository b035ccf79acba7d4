#!/bin/bash
# Fetches what a host installs from the Python registry, built by the Python of its own system: FOLDER NAME REQUIREMENTS CONSTRAINTS.
# FOLDER holds the root file system; the wheels go beside it, under their name.
set -euo pipefail
folder=$1 name=$2 requirements=$3 constraints=$4
cd "$folder"
rm -rf wheels.new
mkdir wheels.new
pip=pip-26.3-py3-none-any.whl
curl -sSf --retry 5 --max-time 120 -o "wheels.new/$pip" \
  https://files.pythonhosted.org/packages/07/25/ee8c38ae72d66b844ce8eb9711ba905dba21ca1a8a0c960057c41cd23337/$pip
cp "$requirements" wheels.new/requirements.txt
cp "$constraints" wheels.new/constraints.txt
cat /etc/ssl/certs/ca-certificates.crt >wheels.new/authorities.pem
# In a namespace of its own, so that every mount is gone with it.
unshare --mount bash -euc '
  mount --bind root root
  for folder in mnt proc dev tmp run; do
    case $folder in
      mnt) mount --bind wheels.new root/mnt ;;
      proc | dev) mount --rbind /$folder root/$folder ;;
      *) mount -t tmpfs tmpfs root/$folder ;;
    esac
  done
  # Where the link of the system leads to.
  mkdir -p root/run/systemd/resolve
  cp /etc/resolv.conf root/run/systemd/resolve/stub-resolv.conf
  env -i PATH=/usr/sbin:/usr/bin HOME=/tmp PIP_CERT=/mnt/authorities.pem chroot root \
    python3 /mnt/'$pip'/pip --disable-pip-version-check wheel --quiet --no-cache-dir --wheel-dir /mnt \
    --requirement /mnt/requirements.txt --constraint /mnt/constraints.txt
'
mv wheels.new "$name"
