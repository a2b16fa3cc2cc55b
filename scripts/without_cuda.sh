#!/usr/bin/env bash
# without_cuda.sh COMMAND...: runs COMMAND where /usr/local/cuda is an empty folder and no nvcc is found. As root.
set -euo pipefail
[ $# -gt 0 ] || { sed -n '2s/^# //p' "$0" >&2; exit 2; }
[ -n "${WITHOUT_CUDA:-}" ] || WITHOUT_CUDA=1 exec unshare --mount --propagation private "$0" "$@"
[ ! -d /usr/local/cuda ] || mount -t tmpfs -o size=4k tmpfs /usr/local/cuda
PATH=$(tr ':' '\n' <<<"$PATH" | while read -r folder; do [ -e "$folder/nvcc" ] || printf '%s:' "$folder"; done)
PATH=${PATH%:}
if nvcc=$(command -v nvcc); then echo "without_cuda: $nvcc is there still" >&2 && exit 1; fi
exec "$@"
