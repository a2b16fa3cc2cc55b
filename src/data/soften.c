/* soften.c - blur and noise; see sample.h. */
#include "data/sample.h"
#include <math.h>

enum { TAPS = 127 };

static int inside(int i, int n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

/* One row or column: n values `step` apart. */
static void line(float *to, const float *from, int n, size_t step, const float *tap, int half) {
    for (int i = 0; i < n; i++) {
        float sum = 0;
        for (int k = -half; k <= half; k++)
            sum += tap[k + half] * from[(size_t)inside(i + k, n) * step];
        to[(size_t)i * step] = sum;
    }
}

void sample_blur(float *X, int w, int h, int c, int kernel, float *work) {
    int half = kernel / 2 < TAPS / 2 ? kernel / 2 : TAPS / 2;
    double sd = 0.3 * (half - 1) + 0.8, sum = 0;
    float tap[TAPS];
    for (int k = -half; k <= half; k++) sum += exp(-k * k / (2 * sd * sd));
    for (int k = -half; k <= half; k++) tap[k + half] = (float)(exp(-k * k / (2 * sd * sd)) / sum);
    for (int k = 0; k < c; k++) {
        float *x = X + (size_t)k * (size_t)w * (size_t)h;
        for (int y = 0; y < h; y++)
            line(work + (size_t)y * (size_t)w, x + (size_t)y * (size_t)w, w, 1, tap, half);
        for (int i = 0; i < w; i++) line(x + i, work + i, h, (size_t)w, tap, half);
    }
}

void sample_noise(float *X, size_t n, float sd, rng_stream *rng) {
    for (size_t i = 0; i < n; i++) {
        float v = X[i] + sd * rng_normal(rng);
        X[i] = v < 0 ? 0 : v > 1 ? 1 : v;
    }
}
