/* yolo_head.c - see yolo_head.h */
#include "ops/yolo_head.h"
#include "ops/vecmath.h"
#include <math.h>
#include <string.h>

enum { TILE = 16, CHANNELS = 64, X = 0, Y = 1, W = 2, H = 3, OBJECTNESS = 4, CLASS = 5 };

VEC_CLONES
static void sigmoids(float *y, const float *x, size_t n) {
#pragma GCC ivdep
    for (size_t i = 0; i < n; i++) y[i] = vec_sigmoid(x[i]);
}

static void scale(float *x, size_t n, float s) {
    for (size_t i = 0; s != 1 && i < n; i++) x[i] = x[i] * s - (s - 1) / 2;
}

/* One anchor of one picture, planes of `cells` numbers. */
static void planes(float *out, const float *x, const yolo_head *h) {
    size_t cells = yolo_cells(h), all = cells * (size_t)yolo_per(h);
    if (h->new_coords) {
        if (out != x) memcpy(out, x, all * sizeof *out);
    } else {
        sigmoids(out, x, W * cells);
        if (out != x) memcpy(out + W * cells, x + W * cells, 2 * cells * sizeof *out);
        sigmoids(out + OBJECTNESS * cells, x + OBJECTNESS * cells, all - OBJECTNESS * cells);
    }
    scale(out, W * cells, h->scale_x_y);
}

/* Up to TILE cells and CHANNELS channels, from rows of channels to rows of cells. */
static void tile(float *out, const float *x, const yolo_head *h, size_t first, size_t channels,
                 size_t cells) {
    float t[TILE][CHANNELS];
    size_t all = (size_t)h->n * (size_t)yolo_per(h), plane = yolo_cells(h);
    for (size_t i = 0; i < cells; i++) {
        if (h->new_coords)
            memcpy(t[i], x + i * all, channels * sizeof **t);
        else
            sigmoids(t[i], x + i * all, channels);
    }
    for (size_t c = 0; c < channels; c++) {
        int what = (int)((first + c) % (size_t)yolo_per(h));
        float *row = out + c * plane;
        for (size_t i = 0; i < cells; i++)
            row[i] = what == W || what == H ? x[i * all + c] : t[i][c];
        if (what == X || what == Y) scale(row, cells, h->scale_x_y);
    }
}

static void turned(float *out, const float *x, const yolo_head *h) {
    size_t all = (size_t)h->n * (size_t)yolo_per(h), plane = yolo_cells(h),
           tiles = (plane + TILE - 1) / TILE;
#pragma omp parallel for schedule(static)
    for (size_t k = 0; k < (size_t)h->batch * tiles; k++) {
        size_t b = k / tiles, cell = k % tiles * TILE,
               cells = plane - cell < TILE ? plane - cell : TILE;
        for (size_t c = 0; c < all; c += CHANNELS)
            tile(out + (b * all + c) * plane + cell, x + (b * plane + cell) * all + c, h, c,
                 all - c < CHANNELS ? all - c : CHANNELS, cells);
    }
}

void yolo_output(float *out, const float *x, const yolo_head *h, yolo_layout from) {
    size_t each = (size_t)yolo_per(h) * yolo_cells(h);
    if (from == YOLO_NHWC) {
        turned(out, x, h);
        return;
    }
#pragma omp parallel for schedule(static)
    for (size_t k = 0; k < (size_t)h->batch * (size_t)h->n; k++)
        planes(out + k * each, x + k * each, h);
}

box_rect yolo_box(const float *at, size_t step, const yolo_head *h, int k, int column, int row) {
    const float *size = h->sizes + 2 * h->mask[k];
    float w = at[W * step], v = at[H * step];
    return (box_rect){((float)column + at[X * step]) / (float)h->w,
                      ((float)row + at[Y * step]) / (float)h->h,
                      (h->new_coords ? 4 * w * w : expf(w)) * size[0] / (float)h->net_w,
                      (h->new_coords ? 4 * v * v : expf(v)) * size[1] / (float)h->net_h};
}
