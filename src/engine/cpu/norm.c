/* norm.c - batch norm over the last axis of (rows, channels), fused with the activation.
 *
 *   batch:      m, v = mean and biased variance over the rows      i = 1/sqrt(v + 1e-5)
 *   inference:  m, v = the rolling ones                            i = 1/(sqrt(v) + 1e-6)  (the
 * host's) z = scale*i*(x - m) + bias      y = z > 0 ? z : slope*z   (any other activation: a pass
 * of its own)
 *
 * The rolling variance takes the unbiased batch variance + 1e-5, so that the host's formula sees
 * what training saw. Accuracy where |m| >> sd: sums run over x - (first row), in float over 64 rows
 * and in double beyond; the mean is subtracted in two floats. One partial sum per thread, added in
 * order of threads.
 *
 * Any number of channels runs at full vector width: the data are read as lines of `wide` = lcm(c,
 * 16) floats, with the coefficients repeated wide/c times; the few floats after the last line take
 * a padded copy. */
#include "engine/cpu/cpu.h"
#include "ops/batch_norm.h"
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 16, LINES = 64, GRAIN_LINES = 64 };
enum { S_MEAN, S_REST, S_INV }; /* rows of stat: the mean in two floats, i */

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int mask __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
#define AT(p) (*(vec *)(p))
#define GET(p) (*(const vec *)(p))
#define PICK(m, yes, no) ((vec)(((mask)(yes) & (m)) | ((mask)(no) & ~(m))))

/* z = a*(x - m) + b; backward dx = a*g + q*(x - m) + k with g = dy * activation'. Arrays of `wide`.
 */
typedef struct {
    size_t lines, rest; /* rest: floats after the last line */
    int c, wide, threads;
    float slope;
    double *s; /* 2*wide per thread */
    float *m, *a, *b, *q, *k, *tx, *td;
} norm;

static norm open_norm(engine *e, size_t rows, int c) {
    int wide = c;
    while (wide % LANES) wide += c;
    size_t w = (size_t)wide, len = rows * (size_t)c;
    norm n = {
        .lines = len / w, .rest = len % w, .c = c, .wide = wide, .threads = omp_get_max_threads()};
    size_t sums = 2 * w * (size_t)n.threads;
    n.s = (double *)(void *)engine_need(e, &e->work, 2 * sums + 7 * w);
    n.m = (float *)(void *)(n.s + sums);
    n.a = n.m + w;
    n.b = n.a + w;
    n.q = n.b + w;
    n.k = n.q + w;
    n.tx = n.k + w;
    n.td = n.tx + w;
    return n;
}

static void repeat(float *p, const norm *n) {
    for (int i = n->c; i < n->wide; i++) p[i] = p[i - n->c];
}

/* s1 += x - m, s2 += (x - m)^2. 64 lines of 16 floats at a time: sums stay in registers. */
CPU_CLONES static void sum_lines(double *s1, double *s2, const float *x, const float *m,
                                 size_t lines, size_t wide) {
    for (size_t r0 = 0; r0 < lines; r0 += LINES) {
        size_t r1 = r0 + LINES < lines ? r0 + LINES : lines;
        for (size_t c = 0; c < wide; c += LANES) {
            vec u = {0}, v = {0}, mc = GET(m + c);
            for (size_t r = r0; r < r1; r++) {
                vec d = GET(x + r * wide + c) - mc;
                u += d;
                v += d * d;
            }
            for (int j = 0; j < LANES; j++) {
                s1[c + (size_t)j] += u[j];
                s2[c + (size_t)j] += v[j];
            }
        }
    }
}

CPU_CLONES static void apply_lines(float *y, const float *x, const norm *n, size_t lines) {
    size_t wide = (size_t)n->wide;
    for (size_t r0 = 0; r0 < lines; r0 += LINES) {
        size_t r1 = r0 + LINES < lines ? r0 + LINES : lines;
        for (size_t c = 0; c < wide; c += LANES) {
            vec m = GET(n->m + c), a = GET(n->a + c), b = GET(n->b + c);
            for (size_t r = r0; r < r1; r++) {
                vec z = a * (GET(x + r * wide + c) - m) + b;
                AT(y + r * wide + c) = PICK(z > 0, z, n->slope * z);
            }
        }
    }
}

/* s1 += g, s2 += g*(x - m). The sign of z is computed again, which costs less than reading y. */
CPU_CLONES static void sum_lines_back(double *s1, double *s2, const float *d, const float *x,
                                      const norm *n, size_t lines) {
    size_t wide = (size_t)n->wide;
    for (size_t r0 = 0; r0 < lines; r0 += LINES) {
        size_t r1 = r0 + LINES < lines ? r0 + LINES : lines;
        for (size_t c = 0; c < wide; c += LANES) {
            vec u = {0}, v = {0}, m = GET(n->m + c), a = GET(n->a + c), b = GET(n->b + c);
            for (size_t r = r0; r < r1; r++) {
                vec g = GET(d + r * wide + c), xm = GET(x + r * wide + c) - m, z = a * xm + b;
                g = PICK(z > 0, g, n->slope * g);
                u += g;
                v += g * xm;
            }
            for (int j = 0; j < LANES; j++) {
                s1[c + (size_t)j] += u[j];
                s2[c + (size_t)j] += v[j];
            }
        }
    }
}

CPU_CLONES static void apply_lines_back(float *dx, const float *dy, const float *x, const norm *n,
                                        size_t lines) {
    size_t wide = (size_t)n->wide;
    for (size_t r0 = 0; r0 < lines; r0 += LINES) {
        size_t r1 = r0 + LINES < lines ? r0 + LINES : lines;
        for (size_t c = 0; c < wide; c += LANES) {
            vec m = GET(n->m + c), a = GET(n->a + c), b = GET(n->b + c), q = GET(n->q + c),
                k = GET(n->k + c);
            for (size_t r = r0; r < r1; r++) {
                vec g = GET(dy + r * wide + c), xm = GET(x + r * wide + c) - m, z = a * xm + b;
                g = PICK(z > 0, g, n->slope * g);
                AT(dx + r * wide + c) = a * g + q * xm + k;
            }
        }
    }
}

/* Into s[0..2c): sums of x-m and (x-m)^2 without d; of g and g*(x-m) with it. */
static void all_sums(norm *n, const float *x, const float *d) {
    size_t w = (size_t)n->wide, per = 2 * w, end = n->lines * w;
    memset(n->s, 0, per * (size_t)n->threads * sizeof *n->s);
#pragma omp parallel num_threads(n->threads) if (n -> lines > GRAIN_LINES)
    {
        size_t from, to;
        double *mine = n->s + per * (size_t)omp_get_thread_num();
        engine_cpu_share(n->lines, GRAIN_LINES, &from, &to);
        if (to > from && d)
            sum_lines_back(mine, mine + w, d + from * w, x + from * w, n, to - from);
        else if (to > from)
            sum_lines(mine, mine + w, x + from * w, n->m, to - from, w);
    }
    if (n->rest) { /* x = m and d = 0 add nothing */
        memcpy(n->tx, n->m, w * sizeof *n->tx);
        memcpy(n->tx, x + end, n->rest * sizeof *n->tx);
        memset(n->td, 0, w * sizeof *n->td);
        if (d) memcpy(n->td, d + end, n->rest * sizeof *n->td);
        if (d)
            sum_lines_back(n->s, n->s + w, n->td, n->tx, n, 1);
        else
            sum_lines(n->s, n->s + w, n->tx, n->m, 1, w);
    }
    for (int t = 1; t < n->threads; t++) {
        for (size_t i = 0; i < per; i++) n->s[i] += n->s[per * (size_t)t + i];
    }
    for (int i = n->c; i < n->wide; i++) {
        n->s[i % n->c] += n->s[i];
        n->s[n->wide + i % n->c] += n->s[n->wide + i];
    }
}

/* An activation without a slope follows where the lines still are in the cache. */
static void apply(const norm *n, float *y, const float *x, act_kind act) {
    size_t w = (size_t)n->wide, end = n->lines * w;
#pragma omp parallel if (n->lines > GRAIN_LINES)
    {
        size_t from, to;
        engine_cpu_share(n->lines, GRAIN_LINES, &from, &to);
        size_t step = act == ACT_LINEAR ? to - from : LINES;
        for (size_t at = from; at < to; at += step) {
            size_t lines = to - at < step ? to - at : step;
            apply_lines(y + at * w, x + at * w, n, lines);
            if (act != ACT_LINEAR) act_forward(y + at * w, y + at * w, lines * w, act);
        }
    }
    if (!n->rest) return;
    memcpy(n->tx, n->m, w * sizeof *n->tx);
    memcpy(n->tx, x + end, n->rest * sizeof *n->tx);
    apply_lines(n->td, n->tx, n, 1);
    if (act != ACT_LINEAR) act_forward(n->td, n->td, w, act);
    memcpy(y + end, n->td, n->rest * sizeof *y);
}

static void apply_back(const norm *n, float *dx, const float *dy, const float *x) {
    size_t w = (size_t)n->wide, end = n->lines * w;
#pragma omp parallel if (n->lines > GRAIN_LINES)
    {
        size_t from, to;
        engine_cpu_share(n->lines, GRAIN_LINES, &from, &to);
        if (to > from) apply_lines_back(dx + from * w, dy + from * w, x + from * w, n, to - from);
    }
    if (!n->rest) return;
    memcpy(n->tx, n->m, w * sizeof *n->tx);
    memcpy(n->tx, x + end, n->rest * sizeof *n->tx);
    memset(n->td, 0, w * sizeof *n->td);
    memcpy(n->td, dy + end, n->rest * sizeof *n->td);
    apply_lines_back(n->td, n->td, n->tx, n, 1);
    memcpy(dx + end, n->td, n->rest * sizeof *dx);
}

static void batch_stat(norm *n, const float *x, size_t rows, const engine_params *p, float *stat) {
    int c = n->c, again = 0;
    double count = (double)rows;
    const double *s = n->s, *ss = n->s + n->wide;
    memcpy(n->m, x, (size_t)c * sizeof *x);
    repeat(n->m, n);
    all_sums(n, x, NULL);
    /* A first row far from the rest (a corner of the picture, say) costs digits: again, from the
     * mean. */
    for (int j = 0; j < c; j++) again |= s[j] / count * s[j] > 8 * (ss[j] - s[j] / count * s[j]);
    if (again) {
        for (int j = 0; j < c; j++) n->m[j] = (float)(n->m[j] + s[j] / count);
        repeat(n->m, n);
        all_sums(n, x, NULL);
    }
    for (int j = 0; j < c; j++) {
        double off = s[j] / count, var = ss[j] / count - off * off, mean = n->m[j] + off;
        if (var < 0) var = 0; /* rounding; a NaN stays */
        stat[S_MEAN * c + j] = (float)mean;
        stat[S_REST * c + j] = (float)(mean - (double)(float)mean);
        stat[S_INV * c + j] = (float)(1 / sqrt(var + BN_BATCH_EPS));
        p->rolling_mean[j] = (float)((1 - BN_MOMENTUM) * p->rolling_mean[j] + BN_MOMENTUM * mean);
        if (rows < 2) continue;
        p->rolling_variance[j] = (float)((1 - BN_MOMENTUM) * p->rolling_variance[j] +
                                         BN_MOMENTUM * (var * count / (count - 1) + BN_BATCH_EPS));
    }
}

static void rolling_stat(int c, const engine_params *p, float *stat) {
    for (int j = 0; j < c; j++) {
        stat[S_MEAN * c + j] = p->rolling_mean[j];
        stat[S_REST * c + j] = 0;
        stat[S_INV * c + j] = (float)(1 / (sqrt(p->rolling_variance[j]) + BN_INFERENCE_EPS));
    }
}

/* m, a, b of z = a*(x - m) + b; the small rest of the mean goes into b. */
static void fill_coefficients(norm *n, const float *stat, const engine_params *p) {
    int c = n->c;
    for (int j = 0; j < c; j++) {
        n->m[j] = stat[S_MEAN * c + j];
        n->a[j] = p->scales[j] * stat[S_INV * c + j];
        n->b[j] = p->biases[j] - n->a[j] * stat[S_REST * c + j];
    }
    repeat(n->m, n);
    repeat(n->a, n);
    repeat(n->b, n);
}

void engine_cpu_norm(engine *e, float *y, const float *x, size_t rows, int c,
                     const engine_params *p, act_kind act, int batch, float *stat) {
    norm n = open_norm(e, rows, c);
    int fused = act_slope(act, &n.slope);
    if (batch)
        batch_stat(&n, x, rows, p, stat);
    else
        rolling_stat(c, p, stat);
    fill_coefficients(&n, stat, p);
    apply(&n, y, x, fused ? ACT_LINEAR : act);
}

void engine_cpu_norm_back(engine *e, float *dx, const float *dy, const float *x, size_t rows, int c,
                          const engine_params *p, act_kind act, int batch, int theta_grads,
                          const float *stat) {
    norm n = open_norm(e, rows, c);
    (void)act_slope(act, &n.slope);
    fill_coefficients(&n, stat, p);
    if (batch || theta_grads) all_sums(&n, x, dy);
    for (int j = 0; j < c; j++) {
        n.q[j] = n.k[j] = 0;
        if (!batch && !theta_grads) continue;
        double inv = stat[S_INV * c + j], small = stat[S_REST * c + j], count = (double)rows;
        double dbias = n.s[j], dscale = inv * (n.s[n.wide + j] - small * dbias);
        if (theta_grads) {
            p->bias_updates[j] += (float)dbias;
            p->scale_updates[j] += (float)dscale;
        }
        if (!batch) continue; /* statistics are constants there */
        double q = -n.a[j] * inv * dscale / count;
        n.q[j] = (float)q;
        n.k[j] = (float)(-n.a[j] * dbias / count - q * small);
    }
    repeat(n.q, &n);
    repeat(n.k, &n);
    apply_back(&n, dx, dy, x);
}

/* dz = dy times the slope at z, a few lines at a time. */
static void slopes_at(const norm *n, float *dz, const float *dy, const float *x, const float *y,
                      float *z, size_t lines, act_kind act) {
    size_t w = (size_t)n->wide;
    apply_lines(z, x, n, lines);
    act_backward(dz, dy, z, y, lines * w, act);
}

void engine_cpu_norm_delta_act(engine *e, float *dz, const float *dy, const float *x,
                               const float *y, size_t rows, int c, const engine_params *p,
                               act_kind act, const float *stat) {
    norm n = open_norm(e, rows, c);
    if (!act_needs_input(act)) {
        engine_cpu_act_back(dz, dy, NULL, y, rows * (size_t)c, act);
        return;
    }
    size_t w = (size_t)n.wide, step = w < 1024 ? 1024 / w : 1, end = n.lines * w;
    float *room = engine_need(e, &e->delta_tmp, step * w * (size_t)n.threads);
    n.slope = 1;
    fill_coefficients(&n, stat, p);
#pragma omp parallel num_threads(n.threads) if (n.lines > GRAIN_LINES)
    {
        size_t from, to;
        float *z = room + step * w * (size_t)omp_get_thread_num();
        engine_cpu_share(n.lines, GRAIN_LINES, &from, &to);
        for (size_t at = from * w; at < to * w; at += step * w) {
            size_t lines = to * w - at < step * w ? (to * w - at) / w : step;
            slopes_at(&n, dz + at, dy + at, x + at, y + at, z, lines, act);
        }
    }
    if (!n.rest) return;
    memcpy(n.tx, n.m, w * sizeof *n.tx);
    memcpy(n.tx, x + end, n.rest * sizeof *n.tx);
    apply_lines(room, n.tx, &n, 1);
    act_backward(dz + end, dy + end, room, y + end, n.rest, act);
}
