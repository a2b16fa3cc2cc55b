/* host_image.c - stands before the host's load_image_cv, which hands the name of an unreadable
 * image to a shell and goes on with a black picture. */
#include "data/dataset.h"
#include <darknet.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((visibility("default"))) image load_image_cv(char *filename, int channels);

static void stop(const char *err) {
    fflush(stdout);
    fprintf(stderr, "cannot read image %s\n", err);
    exit(1);
}

image load_image_cv(char *filename, int channels) {
    char err[ERR_LEN];
    raster r;
    int c = channels ? channels : 3;
    if (c != 1 && c != 3) {
        snprintf(err, sizeof err, "%.500s with %d channels: only 1 or 3 are possible", filename,
                 channels);
        stop(err);
    }
    if (raster_read(filename, c, &r, err)) stop(err);
    size_t n = (size_t)r.w * (size_t)r.h;
    image im = {.w = r.w, .h = r.h, .c = c, .data = malloc(n * (size_t)c * sizeof(float))};
    if (!im.data) {
        snprintf(err, sizeof err, "%.500s: not enough memory", filename);
        stop(err);
    }
    for (size_t k = 0; k < (size_t)c; k++) {
        for (size_t i = 0; i < n; i++) im.data[k * n + i] = (float)r.px[i * (size_t)c + k] / 255;
    }
    raster_free(&r);
    return im;
}
