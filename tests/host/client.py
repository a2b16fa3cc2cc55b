#!/usr/bin/env python3
"""client.py CFG WEIGHTS IMAGE - Darknet's own way from Python: ctypes on libdarknet.so, knowing nothing of metaperturb.
Prints the network's outputs, one a line."""
import sys
from ctypes import CDLL, POINTER, RTLD_GLOBAL, Structure, c_char_p, c_float, c_int, c_void_p


class Image(Structure):
    _fields_ = [("w", c_int), ("h", c_int), ("c", c_int), ("data", POINTER(c_float))]


lib = CDLL("/usr/lib/darknet/libdarknet.so", RTLD_GLOBAL)
lib.load_network.restype = c_void_p
lib.load_network.argtypes = [c_char_p, c_char_p, c_int]
lib.load_image_color.restype = Image
lib.load_image_color.argtypes = [c_char_p, c_int, c_int]
lib.network_predict_image.restype = POINTER(c_float)
lib.network_predict_image.argtypes = [c_void_p, Image]

cfg, weights, image, classes = sys.argv[1:5]
net = lib.load_network(cfg.encode(), weights.encode(), 0)
out = lib.network_predict_image(net, lib.load_image_color(image.encode(), 0, 0))
for k in range(int(classes)):
    print(f"{out[k]:.6f}")
