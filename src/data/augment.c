/* augment.c - the random choices behind one training image. Each image has a stream of its own, so
 * the order here is free, but once published it must stay: it decides what a seed means. */
#include "data/sample.h"
#include <math.h>

/* Between 1 and s, or its inverse, as likely; s = 0 counts as 1: no change. Stock cfgs say
 * aspect=.75. */
static float random_factor(rng_stream *rng, float s) {
    float to = s > 0 ? s : 1, f = rng_uniform(rng, to < 1 ? to : 1, to < 1 ? 1 : to);
    return rng_u32(rng) & 1 ? f : 1 / f;
}

static sample_turn random_turn(const raster *r, const augment *a, rng_stream *rng) {
    int low = a->min_crop > 0 ? a->min_crop : a->w, high = a->max_crop > 0 ? a->max_crop : 2 * a->w;
    sample_turn t;
    if (high < low) {
        int swap = low;
        low = high;
        high = swap;
    }
    t.aspect = random_factor(rng, a->aspect);
    int size = low + (int)rng_below(rng, (uint32_t)(high - low) + 1);
    /* The short side of the picture as the aspect stretches it; whole pixels, as Darknet counts. */
    int min = (float)r->h < (float)r->w * t.aspect ? r->h : (int)((float)r->w * t.aspect);
    t.scale = (float)size / (float)(min > 0 ? min : 1);
    t.rad = rng_uniform(rng, -a->angle, a->angle) * (float)(3.14159265358979323846 / 180);
    float dx = fabsf(((float)r->w * t.scale / t.aspect - (float)a->w) / 2);
    float dy = fabsf(((float)r->h * t.scale - (float)a->h) / 2);
    t.dx = rng_uniform(rng, -dx, dx);
    t.dy = rng_uniform(rng, -dy, dy);
    t.outside = a->fit == FIT_LETTERBOX ? 0.5f : 0;
    return t;
}

void sample_random_colours(float *X, size_t n, int c, float most_hue, float most_saturation,
                           float most_exposure, rng_stream *rng) {
    float hue = rng_uniform(rng, -most_hue, most_hue);
    float saturation = random_factor(rng, most_saturation),
          exposure = random_factor(rng, most_exposure);
    if (c == 3) {
        if (hue != 0 || saturation != 1 || exposure != 1)
            sample_distort(X, n, hue, saturation, exposure);
    } else {
        for (size_t i = 0; i < n * (size_t)c; i++) X[i] = fminf(X[i] * exposure, 1);
    }
}

void sample_augment(float *X, const raster *r, const unsigned char *small, const augment *a,
                    rng_stream *rng) {
    if (a->crop_pad >= 0) {
        int p = a->crop_pad, dx = (int)rng_below(rng, 2 * (uint32_t)p + 1) - p,
            dy = (int)rng_below(rng, 2 * (uint32_t)p + 1) - p;
        int flip = a->flip && (rng_u32(rng) & 1);
        sample_shift(X, small, a->w, a->h, a->c, dx, dy, flip);
        return;
    }
    raster shape = *r;
    if (a->fit == FIT_LETTERBOX) sample_gray_shape(&shape, a->w, a->h);
    sample_turn t = random_turn(&shape, a, rng);
    int flip = a->flip && (rng_u32(rng) & 1);
    sample_rotate_crop(X, r, t, a->w, a->h, a->c, flip);
    sample_random_colours(X, (size_t)a->w * (size_t)a->h, a->c, a->hue, a->saturation, a->exposure,
                          rng);
}

void sample_cutout(float *X, int w, int h, int c, int side, rng_stream *rng) {
    int left = (int)rng_below(rng, (uint32_t)w) - side / 2,
        top = (int)rng_below(rng, (uint32_t)h) - side / 2;
    int right = left + side < w ? left + side : w, low = top + side < h ? top + side : h;
    for (int k = 0; k < c; k++)
        for (int y = top > 0 ? top : 0; y < low; y++)
            for (int x = left > 0 ? left : 0; x < right; x++)
                X[((size_t)k * (size_t)h + (size_t)y) * (size_t)w + (size_t)x] = 0.5f;
}
