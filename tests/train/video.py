#!/usr/bin/env python3
"""video.py make OUT RATE PICTURE... - for video.sh: a Motion JPEG video of the pictures.
video.py odd OUT RATE PICTURE... - the same, of their first 79 x 59 pixels.
video.py long OUT FRAMES PICTURE - the same picture many times, at 320x240.
video.py png VIDEO DIR - its frames as DIR/000.png and on.
video.py facts VIDEO - prints width, height, rate and the number of frames that can be read."""
import sys

import cv2


def frames(path):
    video = cv2.VideoCapture(path)
    while True:
        there, frame = video.read()
        if not there:
            return
        yield frame


def make(path, rate, pictures):
    h, w = pictures[0].shape[:2]
    # OpenCV's own writer, which takes odd sides too.
    out = cv2.VideoWriter(path, cv2.CAP_OPENCV_MJPEG, cv2.VideoWriter_fourcc(*"MJPG"), rate, (w, h))
    assert out.isOpened(), path
    for p in pictures:
        out.write(p)
    out.release()


def main(what, path, *more):
    if what == "make":
        make(path, float(more[0]), [cv2.imread(p) for p in more[1:]])
    elif what == "odd":
        make(path, float(more[0]), [cv2.imread(p)[:59, :79].copy() for p in more[1:]])
    elif what == "long":
        make(path, 30, [cv2.resize(cv2.imread(more[1]), (320, 240))] * int(more[0]))
    elif what == "png":
        for i, frame in enumerate(frames(path)):
            cv2.imwrite(f"{more[0]}/{i:03}.png", frame)
    else:
        video = cv2.VideoCapture(path)
        w, h, rate = (video.get(k) for k in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS))
        print(int(w), int(h), f"{rate:g}", sum(1 for _ in frames(path)))


main(*sys.argv[1:])
