/* raster.c - pixels of a picture in memory, and how many there may be. */
#include "data/raster_internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int raster_make(raster *r, long w, long h, int c, char *why) {
    memset(r, 0, sizeof *r);
    if (w < 1 || h < 1 || w > RASTER_MAX_PIXELS / h) {
        snprintf(why, RASTER_WHY, "it has %ld x %ld pixels; at most %d are possible", w, h,
                 RASTER_MAX_PIXELS);
        return -1;
    }
    r->px = malloc((size_t)w * (size_t)h * (size_t)c);
    if (!r->px) {
        snprintf(why, RASTER_WHY, "not enough memory for %ld x %ld pixels", w, h);
        return -1;
    }
    r->w = (int)w;
    r->h = (int)h;
    r->c = c;
    return 0;
}

void raster_free(raster *r) {
    free(r->px);
    memset(r, 0, sizeof *r);
}

void raster_to_gray(raster *r) {
    size_t n = (size_t)r->w * (size_t)r->h;
    for (size_t i = 0; i < n; i++) {
        const unsigned char *p = r->px + 3 * i;
        r->px[i] = (unsigned char)((4899 * p[0] + 9617 * p[1] + 1868 * p[2] + 8192) >> 14);
    }
    unsigned char *less = realloc(r->px, n);
    if (less) r->px = less;
    r->c = 1;
}
