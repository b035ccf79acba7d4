#!/bin/bash
# Makes this host what it should be and stops at the first thing that fails.
set -euo pipefail
. /etc/landfall/host.env
step() { printf '== %s\n' "$*"; }

step 'user of the service'
id landfall >/dev/null 2>&1 ||
  useradd --system --user-group --home-dir /var/lib/landfall --no-create-home --shell /usr/sbin/nologin landfall
