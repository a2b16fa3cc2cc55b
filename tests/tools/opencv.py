"""opencv.py CFG WEIGHTS IMAGE - the outputs of OpenCV's DNN module for an image of the network's own size, one a line.
Status 77: this Python has no OpenCV."""
import sys

try:
    import cv2
except ImportError:
    sys.exit(77)

cfg, weights, image = sys.argv[1:4]
net = cv2.dnn.readNetFromDarknet(cfg, weights)
picture = cv2.imread(image)
net.setInput(cv2.dnn.blobFromImage(picture, 1 / 255.0, (picture.shape[1], picture.shape[0]), swapRB=True))
for v in net.forward().reshape(-1):
    print(f"{v:.6f}")
