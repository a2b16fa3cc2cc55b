/* export.h - a network as an ONNX model, for ONNX Runtime, OpenCV and what else reads it.
 *
 * Input "images": float32, (batch, channels, height, width) of [net], RGB in that order, 0 to 1.
 * Outputs, for a batch of N:
 *   a classifier           "probabilities"  (N, classes)
 *   a detector             "head_L" for each head, L its layer: (N, anchors * (5 + classes), h, w),
 *                          the numbers that Darknet's layer gives (ops/yolo_head.h)
 *   the same with decode   "boxes"  (N, M, 4): centre x, centre y, width, height in parts of the
 *                          network's input; "scores" (N, M, classes): objectness times class.
 *                          M: heads in the cfg's order, anchors, rows, columns; nothing is
 *                          suppressed yet
 *   anything else          "output" (N, c, h, w) of the last layer
 * Batch norm is folded into the weights before it. A model's metadata tells all this again. */
#ifndef MP_EXPORT_H
#define MP_EXPORT_H
#include "base/error.h"

typedef struct {
    const char *cfg, *weights, *out;
    const char *data; /* a .data file whose names= go into the model, or NULL */
    int batch;        /* 0: any */
    int decode;
    int opset;
} export_args;

/* Writes a->out and prints what it holds. 0, or -1 and one sentence: a layer that ONNX cannot say,
 * noise that has to be folded first (weights fold), files that do not fit. */
int export_onnx(const export_args *a, char *err);
#endif
