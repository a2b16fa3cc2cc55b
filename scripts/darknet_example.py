#!/usr/bin/env python3
"""darknet_example.py CFG WEIGHTS NAMES PICTURE [THRESH]: the boxes of a picture, or the classes of a classifier, by ctypes on libdarknet.so.

Nothing here belongs to metaperturb: it is how programs of Darknet's users look. Under
    LD_PRELOAD=$(metaperturb --plugin) python3 darknet_example.py ...
cfgs with [perturb], and those of the YOLOv4 fork, run in it as well. numpy is used where it is there; a picture is then also an array
(rows, columns, RGB), of bytes or of floats from 0 to 1. Without it: a file's name, or (width, height, bytes of RGB).
From another program:  from darknet_example import Network
"""
import os
import sys
from ctypes import CDLL, POINTER, RTLD_GLOBAL, Structure, addressof, byref, c_char_p, c_float, c_int, c_void_p

try:
    import numpy
except ImportError:
    numpy = None


class Image(Structure):
    """Three planes, red, green, blue, of numbers from 0 to 1."""
    _fields_ = [("w", c_int), ("h", c_int), ("c", c_int), ("data", POINTER(c_float))]


class Box(Structure):
    """Middle and size, in pixels of the picture that was asked for."""
    _fields_ = [("x", c_float), ("y", c_float), ("w", c_float), ("h", c_float)]


class Detection(Structure):
    _fields_ = [("bbox", Box), ("classes", c_int), ("prob", POINTER(c_float)), ("mask", POINTER(c_float)),
                ("objectness", c_float), ("sort_class", c_int)]


def load_library(path=os.environ.get("DARKNET_LIBRARY", "/usr/lib/darknet/libdarknet.so")):
    lib = CDLL(path, RTLD_GLOBAL)
    for name, result, arguments in (
            ("load_network", c_void_p, [c_char_p, c_char_p, c_int]),
            ("load_image_color", Image, [c_char_p, c_int, c_int]),
            ("make_image", Image, [c_int, c_int, c_int]),
            ("free_image", None, [Image]),
            ("network_predict_image", POINTER(c_float), [c_void_p, Image]),
            ("network_outputs", c_int, [c_void_p]),
            ("get_network_boxes", POINTER(Detection), [c_void_p, c_int, c_int, c_float, c_float, POINTER(c_int), c_int, POINTER(c_int)]),
            ("do_nms_sort", None, [POINTER(Detection), c_int, c_int, c_float]),
            ("free_detections", None, [POINTER(Detection), c_int]),
            ("free_network", None, [c_void_p])):
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


class Network:
    """One at a time may be asked, from one thread."""

    def __init__(self, cfg, weights):
        self.lib = load_library()
        for path in (cfg, weights):
            open(path, "rb").close()  # the library would end this program; Python raises an error
        self.net = self.lib.load_network(os.fsencode(cfg), os.fsencode(weights), 0)

    def close(self):
        self.lib.free_network(self.net)
        self.net = None

    def _image(self, picture):
        """As Darknet holds it; whoever calls frees it."""
        if isinstance(picture, (str, os.PathLike)):
            open(picture, "rb").close()
            return self.lib.load_image_color(os.fsencode(picture), 0, 0)
        if numpy is not None and isinstance(picture, numpy.ndarray):
            if picture.ndim != 3 or picture.shape[2] != 3:
                raise ValueError(f"a picture of shape {picture.shape}: not (rows, columns, 3)")
            planes = picture.transpose(2, 0, 1)
            planes = planes / numpy.float32(255) if picture.dtype == numpy.uint8 else planes
            height, width = picture.shape[:2]
            image = self.lib.make_image(width, height, 3)
            numpy.ctypeslib.as_array(image.data, (3, height, width))[:] = planes
            return image
        width, height, rgb = picture
        if len(rgb) != 3 * width * height:
            raise ValueError(f"{len(rgb)} bytes are no RGB picture of {width} x {height}")
        image = self.lib.make_image(width, height, 3)
        planes = (c_float * (3 * width * height)).from_address(addressof(image.data.contents))
        for c in range(3):
            planes[c * width * height:(c + 1) * width * height] = [v / 255 for v in rgb[c::3]]
        return image

    def predict(self, picture):
        """What the last layer gives, a classifier's probabilities: an array of numpy's, else a list."""
        image = self._image(picture)
        try:
            out, n = self.lib.network_predict_image(self.net, image), self.lib.network_outputs(self.net)
            return numpy.ctypeslib.as_array(out, (n,)).copy() if numpy is not None else out[:n]
        finally:
            self.lib.free_image(image)

    def detect(self, picture, thresh=0.5, nms=0.45):
        """[(class, score, (x, y, width, height))], the best first; x and y of the middle."""
        image = self._image(picture)
        try:
            self.lib.network_predict_image(self.net, image)
            n = c_int()
            found = self.lib.get_network_boxes(self.net, image.w, image.h, thresh, 0.5, None, 0, byref(n))
            if n.value and nms:
                self.lib.do_nms_sort(found, n.value, found[0].classes, nms)
            boxes = [(k, d.prob[k], (d.bbox.x, d.bbox.y, d.bbox.w, d.bbox.h))
                     for d in found[:n.value] for k in range(d.classes) if d.prob[k] > thresh]
            self.lib.free_detections(found, n.value)
            return sorted(boxes, key=lambda b: -b[1])
        finally:
            self.lib.free_image(image)


def has_boxes(cfg):
    with open(cfg) as f:
        return any(line.strip() in ("[yolo]", "[region]", "[detection]") for line in f)


def main():
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    cfg, weights, names, picture = sys.argv[1:5]
    thresh = float(sys.argv[5]) if len(sys.argv) > 5 else 0.5
    with open(names) as f:
        names = f.read().split("\n")
    net = Network(cfg, weights)
    if has_boxes(cfg):
        for k, score, box in net.detect(picture, thresh):
            print(f"{names[k]} {score:.4f} at x {box[0]:.1f}, y {box[1]:.1f}: {box[2]:.1f} x {box[3]:.1f}")
    else:
        scores = net.predict(picture)
        for k in sorted(range(len(scores)), key=lambda k: -scores[k])[:5]:
            print(f"{names[k]} {scores[k]:.6f}")
    net.close()


if __name__ == "__main__":
    main()
