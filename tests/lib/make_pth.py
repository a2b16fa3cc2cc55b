"""make_pth.py FOLDER - files such as torch.save writes, in both formats, and wrong and malicious ones; with refused.txt: what each is
refused for. Plain Python: PyTorch is not needed."""
import collections
import io
import os
import pickle
import random
import struct
import sys
import types
import zipfile

folder = sys.argv[1]
random.seed(3)
SHAPES = collections.OrderedDict([("kernel", (4, 1, 3, 3)), ("phi_1.w_identity", (1, 1, 3, 3)), ("phi_1.w_all", (1, 1, 3, 3)),
                                  ("phi_2.w_identity", (1, 1, 3, 3)), ("phi_2.w_all", (1, 1, 3, 3)), ("fc.weight", (1, 10))])


def count(shape):
    n = 1
    for s in shape:
        n *= s
    return n


values = {k: [struct.unpack("<f", struct.pack("<f", random.gauss(0, 0.02)))[0] for _ in range(count(s))] for k, s in SHAPES.items()}
values["fc.weight"][3] = struct.unpack("<f", struct.pack("<I", 5))[0]      # denormal: flush-to-zero must not eat it
order = ["phi_1.w_identity", "phi_1.w_all", "phi_2.w_identity", "phi_2.w_all", "kernel", "fc.weight"]
open(folder + "/want.bin", "wb").write(b"".join(struct.pack("<f", v) for k in order for v in values[k]))

# Names as torch has them, for pickle to find.
for module in ("torch", "torch._utils"):
    sys.modules[module] = types.ModuleType(module)


def _rebuild_tensor_v2(*args):
    pass


_rebuild_tensor_v2.__module__ = "torch._utils"
sys.modules["torch._utils"]._rebuild_tensor_v2 = _rebuild_tensor_v2
for name in ("FloatStorage", "DoubleStorage"):
    storage_class = type(name, (), {"__module__": "torch"})
    setattr(sys.modules["torch"], name, storage_class)


class Storage:
    def __init__(self, key, n, kind="FloatStorage"):
        self.key, self.n, self.kind = key, n, getattr(sys.modules["torch"], kind)


class Tensor:
    def __init__(self, storage, shape, stride=None, offset=0):
        self.args = (storage, offset, shape, stride or strides(shape), False, collections.OrderedDict())

    def __reduce__(self):
        return _rebuild_tensor_v2, self.args


def strides(shape):
    out, step = [], 1
    for s in reversed(shape):
        out.insert(0, step)
        step *= s
    return tuple(out)


class Saver(pickle.Pickler):
    def __init__(self, f, long_id):
        super().__init__(f, 2)
        self.long_id = long_id

    def persistent_id(self, o):
        if isinstance(o, Storage):
            return ("storage", o.kind, o.key, "cpu", o.n) + ((None,) if self.long_id else ())
        return None


def dump(o, long_id=True):
    f = io.BytesIO()
    Saver(f, long_id).dump(o)
    return f.getvalue()


def tensors(**change):
    out = collections.OrderedDict()
    for i, (k, s) in enumerate(SHAPES.items()):
        out[k] = change[k] if k in change else Tensor(Storage(str(1000 + i), count(s)), s)
    return out


def floats(v):
    return b"".join(struct.pack("<f", x) for x in v)


def old(state=None, keys=None, data=None, magic=0x1950a86a20f9469cfc6c, protocol=1001, little=True, raw=None):
    state = tensors() if state is None else state
    data = {str(1000 + i): values[k] for i, k in enumerate(SHAPES)} if data is None else data
    keys = sorted(data) if keys is None else keys
    system = {"protocol_version": 1001, "little_endian": little, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    head = dump(magic) + dump(protocol) + dump(system) + (raw or dump(state))
    return head + dump(keys) + b"".join(struct.pack("<q", len(data[k])) + floats(data[k]) for k in keys if k in data)


def archive(state=None, data=None, deflate=False, order="little", pkl=None, leave=None):
    data = {str(1000 + i): values[k] for i, k in enumerate(SHAPES)} if data is None else data
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w", zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED) as z:
        z.writestr("phi/data.pkl", pkl or dump(tensors() if state is None else state, False))
        z.writestr("phi/byteorder", order)
        for k, v in data.items():
            if k != leave:
                z.writestr("phi/data/" + k, floats(v))
        z.writestr("phi/version", "3\n")
    return f.getvalue()


class Evil:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


def put(name, data, words=None):
    open(f"{folder}/{name}.pth", "wb").write(data)
    if words:
        refused.write(f"{name}.pth {words}\n")


def kernel_with(**kw):
    return tensors(kernel=Tensor(Storage("1000", kw.get("n", 36), kw.get("kind", "FloatStorage")), kw.get("shape", (4, 1, 3, 3)),
                                 kw.get("stride"), kw.get("offset", 0)))


refused = open(folder + "/refused.txt", "w")
touch = f"touch {folder}/PWNED"
put("old", old())
put("zip", archive())
put("zip_deflated", archive(deflate=True))
by_column = [values["kernel"][r * 9 + c] for c in range(9) for r in range(4)]
changed = {str(1000 + i): (by_column if k == "kernel" else values[k]) for i, k in enumerate(SHAPES)}
put("strided", archive(kernel_with(stride=(1, 36, 12, 4)), changed))

put("evil_system", old(collections.OrderedDict(kernel=Evil(os.system, (touch,)))), "posix.system")
put("evil_eval", archive(collections.OrderedDict(kernel=Evil(eval, ("__import__('os').system('%s')" % touch,)))), "builtin")
put("evil_dict", old(tensors(kernel=Evil(collections.OrderedDict, ([("a", 1)],)))), "nothing is run")
put("evil_inst", old(raw=b"\x80\x02(X" + struct.pack("<I", len(touch)) + touch.encode() + b"ios\nsystem\n."), "instruction 69")
put("evil_stack_global", archive(pkl=b"\x80\x04\x8c\x02os\x8c\x06system\x93."), "protocol 2")
put("evil_build", old(raw=b"\x80\x02ctorch\nFloatStorage\n}b."), "nothing is run")
put("evil_newobj", old(raw=b"\x80\x02ccollections\nOrderedDict\n)\x81."), "instruction 81")
put("evil_memo", old(raw=b"\x80\x02h\x07."), "refers to nothing")
put("evil_empty_stack", old(raw=b"\x80\x02R."), "disorder")
put("evil_no_mark", old(raw=b"\x80\x02t."), "disorder")
put("evil_cycle", old(raw=b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s."), "no tensor")
put("evil_self_tuple", old(raw=b"\x80\x02]q\x00h\x00a."), "state_dict")
put("evil_deep", old(raw=b"\x80\x02" + b"(" * 500000 + b"t" * 499999 + b"."), "")
put("evil_long_text", old(raw=b"\x80\x02X\xff\xff\xff\x7fabc."), "cut short")
put("double", old(kernel_with(kind="DoubleStorage")), "DoubleStorage")
put("shape", old(kernel_with(shape=(4, 3, 3))), "shape")
put("other_shape", archive(kernel_with(shape=(4, 1, 3, 4))), "shape")
put("offset", old(kernel_with(offset=1)), "kernel")
put("negative_offset", archive(kernel_with(offset=-1)), "kernel")
put("stride_far", archive(kernel_with(stride=(1 << 20, 9, 3, 1))), "kernel")
put("negative_stride", archive(kernel_with(stride=(-9, 9, 3, 1))), "shape")
put("storage_longer", old(kernel_with(n=37)), "kernel")
put("storage_huge", archive(kernel_with(n=1 << 50)), "kernel")
missing = tensors()
del missing["phi_2.w_all"]
put("missing", old(missing), "phi_2.w_all")
more = tensors()
more["bias"] = Tensor(Storage("1005", 10), (10,))
put("more", archive(more), "more tensors")
put("list", old([1, 2]), "state_dict")
put("not_finite", old(data={str(1000 + i): ([float("nan")] * 36 if k == "kernel" else values[k]) for i, k in enumerate(SHAPES)}),
    "not finite")
put("magic", old(magic=0x1950a86a20f9469cfc6d), "PyTorch")
put("protocol", old(protocol=1002), "unknown version")
put("big", old(little=False), "unknown version")
put("keys", old(keys=["1000", "1001"]), "missing, damaged")
put("longer", old() + b"x", "longer")
put("zip_big", archive(order="big"), "big-endian")
put("zip_missing", archive(leave="1003"), "missing, damaged")
put("zip_no_pickle", archive().replace(b"data.pkl", b"data.pkx"), "data.pkl")
put("zip_damaged", archive().replace(floats(values["fc.weight"]), floats(values["fc.weight"])[:-1] + b"\x41"), "fc.weight")
put("zip_behind", archive(pkl=dump(tensors(), False) + b"x"), "follows")
open(folder + "/large.pth", "wb").write(old() + bytes(1 << 25))
refused.write("large.pth too large\n")
refused.close()
