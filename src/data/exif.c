/* exif.c - the orientation that a camera wrote into a JPEG, and what it asks for. */
#include "data/raster_internal.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    const unsigned char *p;
    size_t len;
    int big;
} tiff;

static unsigned get16(const tiff *t, size_t at) {
    return t->big ? (unsigned)(t->p[at] << 8 | t->p[at + 1])
                  : (unsigned)(t->p[at + 1] << 8 | t->p[at]);
}

static uint32_t get32(const tiff *t, size_t at) {
    uint32_t a = get16(t, at), b = get16(t, at + 2);
    return t->big ? a << 16 | b : b << 16 | a;
}

int raster_exif_orientation(const unsigned char *p, size_t len) {
    enum { ORIENTATION = 0x112, SHORT = 3, ENTRY = 12 };
    tiff t = {p, len, 0};
    if (len < 8) return 1;
    if (!memcmp(p, "MM", 2))
        t.big = 1;
    else if (memcmp(p, "II", 2))
        return 1;
    uint32_t ifd = get32(&t, 4);
    if (get16(&t, 2) != 42 || ifd > len - 2) return 1;
    size_t n = get16(&t, ifd);
    for (size_t i = 0, at = (size_t)ifd + 2; i < n && len >= ENTRY && at <= len - ENTRY;
         i++, at += ENTRY) {
        if (get16(&t, at) != ORIENTATION) continue;
        unsigned v = get16(&t, at + 8);
        return get16(&t, at + 2) == SHORT && v >= 1 && v <= 8 ? (int)v : 1;
    }
    return 1;
}

int raster_orient(raster *r, int orientation, char *why) {
    if (orientation <= 1 || orientation > 8) return 0;
    int swap = orientation >= 5, w = swap ? r->h : r->w, h = swap ? r->w : r->h, c = r->c;
    raster t;
    if (raster_make(&t, w, h, c, why)) return -1;
    for (int y = 0; y < h; y++) {
        for (int x = 0; x < w; x++) {
            int sx = swap ? y : x, sy = swap ? x : y;
            /* 2 3 mirror x of the source, 3 4 its y; 5 = transposed, 6 = turned right, 7 = other
             * diagonal, 8 = turned left. */
            if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
                sx = r->w - 1 - sx;
            if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7)
                sy = r->h - 1 - sy;
            memcpy(t.px + ((size_t)y * (size_t)w + (size_t)x) * (size_t)c,
                   r->px + ((size_t)sy * (size_t)r->w + (size_t)sx) * (size_t)c, (size_t)c);
        }
    }
    free(r->px);
    *r = t;
    return 0;
}
