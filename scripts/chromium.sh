#!/usr/bin/env bash
# chromium.sh: the browser tests need a Chromium. Installs Debian's where apt is there and we may; else says so.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do command -v "$name" >/dev/null && exit 0; done
if command -v apt-get >/dev/null && [[ $(id -u) == 0 ]]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
else
  echo "chromium.sh: no Chromium found; install it for the browser tests (they skip without it)" >&2
fi
