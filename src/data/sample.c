/* sample.c - see sample.h. */
#include "data/sample.h"
#include <math.h>
#include <string.h>

static inline int byte_at(const raster *r, int x, int y, int k, int c) {
    const unsigned char *p = r->px + ((size_t)y * (size_t)r->w + (size_t)x) * (size_t)r->c;
    if (r->c == c) return p[k];
    return r->c == 1 ? p[0] : (4899 * p[0] + 9617 * p[1] + 1868 * p[2] + 8192) >> 14;
}

sample_box sample_centre_square(const raster *r) {
    int m = r->w < r->h ? r->w : r->h;
    return (sample_box){(r->w - m) / 2, (r->h - m) / 2, m, m};
}

/* Where output pixel i of n falls on an axis of `from` pixels: between pixels a and b, at f of the
 * way. */
typedef struct {
    int a, b;
    float f;
} axis;
static inline axis axis_at(int i, int n, int from) {
    if (i == n - 1 || from == 1) return (axis){from - 1, from - 1, 0};
    float s = (float)i * ((float)(from - 1) / (float)(n - 1));
    int a = (int)s;
    if (a >= from - 1) return (axis){from - 1, from - 1, 0}; /* rounding must not lead outside */
    return (axis){a, a + 1, s - (float)a};
}

static inline float blend(const raster *r, sample_box box, axis ax, axis ay, int k, int c) {
    float p = (float)byte_at(r, box.x + ax.a, box.y + ay.a, k, c),
          q = (float)byte_at(r, box.x + ax.b, box.y + ay.a, k, c);
    float s = (float)byte_at(r, box.x + ax.a, box.y + ay.b, k, c),
          t = (float)byte_at(r, box.x + ax.b, box.y + ay.b, k, c);
    float top = (1 - ax.f) * p + ax.f * q, low = (1 - ax.f) * s + ax.f * t;
    return (1 - ay.f) * top + ay.f * low;
}

void sample_resize(float *X, size_t plane, size_t row, const raster *r, sample_box from, int w,
                   int h, int c) {
    for (int y = 0; y < h; y++) {
        axis ay = axis_at(y, h, from.h);
        for (int x = 0; x < w; x++) {
            axis ax = axis_at(x, w, from.w);
            for (int k = 0; k < c; k++) {
                X[(size_t)k * plane + (size_t)y * row + (size_t)x] = blend(r, from, ax, ay, k, c) /
                                                                     255;
            }
        }
    }
}

sample_box sample_letterboxed(const raster *r, int w, int h) {
    int wide = (float)w / (float)r->w < (float)h / (float)r->h;
    int nw = wide ? w : (int)((int64_t)r->w * h / r->h),
        nh = wide ? (int)((int64_t)r->h * w / r->w) : h;
    if (nw > w) nw = w; /* the comparison above is rounded */
    if (nh > h) nh = h;
    return (sample_box){(w - nw) / 2, (h - nh) / 2, nw, nh};
}

enum { GRAY = 128 }; /* 0.5, rounded to a byte */

void sample_fit_bytes(unsigned char *out, const raster *r, image_fit fit, int w, int h, int c) {
    sample_box from = fit == FIT_CENTRE ? sample_centre_square(r) : sample_whole(r),
               to = {0, 0, w, h};
    if (fit == FIT_LETTERBOX) to = sample_letterboxed(r, w, h);
    if (to.w < w || to.h < h) memset(out, GRAY, (size_t)w * (size_t)h * (size_t)c);
    for (int y = 0; y < to.h; y++) {
        axis ay = axis_at(y, to.h, from.h);
        unsigned char *p = out + ((size_t)(to.y + y) * (size_t)w + (size_t)to.x) * (size_t)c;
        for (int x = 0; x < to.w; x++) {
            axis ax = axis_at(x, to.w, from.w);
            for (int k = 0; k < c; k++) *p++ = (unsigned char)(blend(r, from, ax, ay, k, c) + 0.5f);
        }
    }
}

void sample_gray_shape(raster *r, int w, int h) {
    int64_t wide = ((int64_t)r->h * w + h - 1) / h, high = ((int64_t)r->w * h + w - 1) / w;
    if (wide > r->w) r->w = (int)wide;
    if (high > r->h) r->h = (int)high;
}

void sample_shift(float *X, const unsigned char *px, int w, int h, int c, int dx, int dy,
                  int flip) {
    size_t plane = (size_t)w * (size_t)h;
    /* Columns from .. to-1 of the output lie inside the picture. */
    int from = dx < 0 ? -dx : 0, to = dx > 0 ? w - dx : w;
    if (from > w) from = w;
    if (to < from) to = from;
    if (dx || dy) memset(X, 0, plane * (size_t)c * sizeof *X);
    if (from == to) return;
    for (int y = 0; y < h; y++) {
        if (y + dy < 0 || y + dy >= h) continue;
        const unsigned char *row = px +
                                   ((size_t)(y + dy) * (size_t)w + (size_t)(from + dx)) * (size_t)c;
        for (int k = 0; k < c; k++) {
            float *out = X + (size_t)k * plane + (size_t)y * (size_t)w;
            const unsigned char *p = row + k;
            int n = to - from;
            if (flip)
                for (int i = 0; i < n; i++) out[w - 1 - from - i] = (float)p[i * c] / 255;
            else
                for (int i = 0; i < n; i++) out[from + i] = (float)p[i * c] / 255;
        }
    }
}

static inline float tap(const raster *r, int x, int y, int k, int c, float outside) {
    return x < 0 || y < 0 || x >= r->w || y >= r->h ? outside : (float)byte_at(r, x, y, k, c) / 255;
}

static void rotated_pixel(float *out, size_t plane, const raster *r, float rx, float ry, int c,
                          float outside) {
    /* Compared as floats: far outside they would not fit an int. */
    if (!(rx > -1 && ry > -1 && rx < (float)r->w && ry < (float)r->h)) {
        for (int k = 0; k < c; k++) out[(size_t)k * plane] = outside;
        return;
    }
    int x = (int)floorf(rx), y = (int)floorf(ry);
    float fx = rx - (float)x, fy = ry - (float)y;
    for (int k = 0; k < c; k++) {
        out[(size_t)k * plane] = (1 - fy) * (1 - fx) * tap(r, x, y, k, c, outside) +
                                 fy * (1 - fx) * tap(r, x, y + 1, k, c, outside) +
                                 (1 - fy) * fx * tap(r, x + 1, y, k, c, outside) +
                                 fy * fx * tap(r, x + 1, y + 1, k, c, outside);
    }
}

void sample_rotate_crop(float *X, const raster *r, sample_turn t, int w, int h, int c, int flip) {
    size_t plane = (size_t)w * (size_t)h;
    double co = cos((double)t.rad), si = sin((double)t.rad), s = (double)t.scale;
    for (int y = 0; y < h; y++) {
        double v = (y - h / 2.0 + (double)t.dy) / s;
        for (int x = 0; x < w; x++) {
            double u = (x - w / 2.0 + (double)t.dx) / s * (double)t.aspect;
            float rx = (float)(co * u - si * v + r->w / 2.0),
                  ry = (float)(si * u + co * v + r->h / 2.0);
            rotated_pixel(X + (size_t)y * (size_t)w + (size_t)(flip ? w - 1 - x : x), plane, r, rx,
                          ry, c, t.outside);
        }
    }
}

/* Pixels a and b of a source line of n with their weights; after its end there is nothing, as in
 * Darknet. */
typedef struct {
    int a, b;
    float p, q;
} taps;
static taps taps_at(int i, int to, int n) {
    float s = (float)i / (float)to * (float)n;
    int a = (int)s;
    if (a > n - 1) a = n - 1;
    float f = s - (float)a;
    return a + 1 < n ? (taps){a, a + 1, 1 - f, f} : (taps){a, a, 1 - f, 0};
}

void sample_place(float *X, int w, int h, int c, const raster *r, sample_box at, int flip) {
    size_t plane = (size_t)w * (size_t)h;
    int left = at.x < 0 ? -at.x : 0, right = at.x + at.w > w ? w - at.x : at.w;
    for (size_t i = 0; i < plane * (size_t)c; i++) X[i] = 0.5f;
    for (int y = at.y < 0 ? -at.y : 0; y < at.h && at.y + y < h; y++) {
        taps ty = taps_at(y, at.h, r->h);
        float *row = X + (size_t)(at.y + y) * (size_t)w;
        for (int x = left; x < right; x++) {
            taps tx = taps_at(x, at.w, r->w);
            float *out = row + (flip ? w - 1 - (at.x + x) : at.x + x);
            for (int k = 0; k < c; k++) {
                float top = tx.p * (float)byte_at(r, tx.a, ty.a, k, c) +
                            tx.q * (float)byte_at(r, tx.b, ty.a, k, c);
                float low = tx.p * (float)byte_at(r, tx.a, ty.b, k, c) +
                            tx.q * (float)byte_at(r, tx.b, ty.b, k, c);
                out[(size_t)k * plane] = (ty.p * top + ty.q * low) / 255;
            }
        }
    }
}

static float clamp01(float v) { return v < 0 ? 0 : v > 1 ? 1 : v; }

/* Hue in sixths of a turn [0,6), saturation, value. */
static void to_hsv(float p[3]) {
    float r = p[0], g = p[1], b = p[2], max = fmaxf(r, fmaxf(g, b)),
          d = max - fminf(r, fminf(g, b)), h = 0;
    if (d > 0) {
        h = r == max ? (g - b) / d : g == max ? 2 + (b - r) / d : 4 + (r - g) / d;
        if (h < 0) h += 6;
    }
    p[0] = h;
    p[1] = max > 0 ? d / max : 0;
    p[2] = max;
}

static void from_hsv(float p[3]) {
    int sector = (int)p[0];
    float f = p[0] - (float)sector, s = p[1], v = p[2], low = v * (1 - s), fall = v * (1 - s * f),
          rise = v * (1 - s * (1 - f));
    const float rgb[6][3] = {{v, rise, low}, {fall, v, low}, {low, v, rise},
                             {low, fall, v}, {rise, low, v}, {v, low, fall}};
    memcpy(p, rgb[sector < 5 ? sector : 5], sizeof rgb[0]);
}

void sample_distort(float *X, size_t n, float hue, float saturation, float exposure) {
    for (size_t i = 0; i < n; i++) {
        float p[3] = {X[i], X[n + i], X[2 * n + i]};
        to_hsv(p);
        float h = p[0] / 6 + hue;
        p[0] = 6 * (h > 1 ? h - 1 : h < 0 ? h + 1 : h);
        p[1] *= saturation;
        p[2] *= exposure;
        from_hsv(p);
        for (size_t k = 0; k < 3; k++) X[k * n + i] = clamp01(p[k]);
    }
}
