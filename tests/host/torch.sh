#!/usr/bin/env bash
# torch.sh - PyTorch, from the formulas alone and in double, agrees with whole training passes of the shipped cfgs: outputs, loss, every gradient.
. "$(dirname "$0")/../lib/lib.sh"
if ! /usr/bin/python3 -c 'import torch' 2>/dev/null; then
    skip "python3-torch is not installed"
    finish
fi
check "build" make -s build/tests/dump_net
for net in conv4 resnet20 vgg9; do
    sed -e 's/^batch=.*/batch=5/' -e 's/^\(height\|width\)=.*/\1=16/' "cfg/$net.cfg" >"$T/t.cfg"
    mkdir "$T/$net"
    build/tests/dump_net "$T/t.cfg" "$T/$net" 2>/dev/null
    /usr/bin/python3 scripts/peers.py check "$T/t.cfg" "$T/$net" >"$T/errors"
    # Units that sit on the kink of a relu in float but not in double cost a little in single gradients.
    check "$net: output and loss" awk '/ (output|loss)$/ { n++; if (!($1 < 2e-5)) { print; bad = 1 } } END { exit bad || n != 2 }' "$T/errors"
    check "$net: gradients" awk '/gradient/ { n++; sum += $1; if (!($1 < 2e-3)) { print; bad = 1 } } END { exit bad || n < 10 || sum / n > 2e-4 }' "$T/errors"
done
finish
