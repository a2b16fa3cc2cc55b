#!/usr/bin/env bash
# Every figure of speed in one run, ours against the peers', pair by pair: bench.sh [PATTERN] (only the rows that match).
# Results: out/bench/table.md and one JSON file a row. The peers (PyTorch, OpenCV from Debian) are installed if they are missing. PAIRS=5 by default.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh
missing=()
for p in python3-torch python3-opencv; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "installing ${missing[*]}"
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get install -y -qq "${missing[@]}" >/dev/null
fi
make >/dev/null
scripts/get_demo_data.sh >/dev/null
exec /usr/bin/python3 scripts/bench_table.py "$@"
