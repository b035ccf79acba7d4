#!/bin/bash
# Makes this host what it should be and stops at the first thing that fails.
set -euo pipefail
. /etc/landfall/host.env
step() { printf '== %s\n' "$*"; }
