#!/usr/bin/env bash
# Set-up, build, every test (`make test` leaves out the set-up). The last line is `N passed, N failed, N skipped`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

must() {
    "$@" && return
    echo "test: '$*' failed"
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
}

must scripts/setup.sh --build
must make -s -j"$(nproc)" tests cuda
exec scripts/run_tests.sh
