/* perturb_forward.c - see perturb.h. One picture at a time, so that all its intermediates stay in the processor's cache. */
#include "ops/perturb_internal.h"
#include "ops/vecmath.h"
#include <assert.h>
#include <math.h>
#include <omp.h>
#include <string.h>

size_t perturb_tape_len(shape4 s) {
    return shape_len(s) + (size_t)s.c * ((size_t)s.n * PERTURB_K + 1 + 4 * PERTURB_K);
}

size_t perturb_scratch_len(shape4 s, int threads) {
    perturb_scratch p = perturb_scratch_of(NULL, s);
    return (size_t)(p.thread - (float *)NULL) + (size_t)threads * perturb_thread_len(s);
}

void perturb_load(const perturb_room *r, const float *x, shape4 s, int n) {
    size_t row = (size_t)s.w * (size_t)s.c;
    rows_clear_border(r->pic[0], r->p);
    rows_clear_border(r->map[0], r->q);
    for (int y = 0; y < s.h; y++) {
        const float *from = x + ((size_t)n * (size_t)s.h + (size_t)y) * row;
        memcpy(padded_row(r->pic[0], r->p, y), from, row * sizeof *from);
        rows_channel_sum(padded_row(r->map[0], r->q, y), from, s.w, s.c, 1 / (float)s.c);
    }
}

void perturb_first(const perturb_room *r, const float *phi, shape4 s) {
    rows_clear_border(r->pic[1], r->p);
    rows_clear_border(r->map[1], r->q);
    for (int y = 0; y < s.h; y++) {
        float *out = padded_row(r->pic[1], r->p, y);
        rows_conv(r->base, padded_window(r->map[0], r->q, y), r->q, phi + PHI_E1_ALL, NULL, 0);
        rows_conv(out, padded_window(r->pic[0], r->p, y), r->p, phi + PHI_E1_SELF, r->base, 0);
        rows_relu(out, (size_t)s.w * (size_t)s.c);
        rows_channel_sum(padded_row(r->map[1], r->q, y), out, s.w, s.c, 1 / (float)s.c);
    }
}

/* f of picture n, (4,C): rows are added up in float, pictures in double. */
static void features(const perturb_room *r, float *f, const float *phi, shape4 s) {
    size_t n = PERTURB_K * (size_t)s.c;
    double area = (double)s.h * s.w;
    memset(r->sums, 0, n * sizeof *r->sums);
    for (int y = 0; y < s.h; y++) {
        memset(f, 0, n * sizeof *f);
        rows_feature(f, padded_window(r->pic[0], r->p, y), r->p, phi + PHI_K, r->tmp);
        for (size_t i = 0; i < n; i++) r->sums[i] += (double)f[i];
    }
    for (size_t i = 0; i < n; i++) f[i] = (float)(r->sums[i] / area);
}

/* Mean and unbiased variance of the features over the batch; B = 1 has no variance: 0. */
static void batch_statistics(double *m, double *v, const float *f, shape4 s) {
    size_t n = PERTURB_K * (size_t)s.c;
    for (size_t i = 0; i < n; i++) {
        double mean = 0, var = 0;
        for (int b = 0; b < s.n; b++) mean += (double)f[(size_t)b * n + i];
        mean /= s.n;
        for (int b = 0; b < s.n; b++) {
            double d = (double)f[(size_t)b * n + i] - mean;
            var += d * d;
        }
        m[i] = mean;
        v[i] = s.n > 1 ? var / (s.n - 1) : 0;
    }
}

/* Running statistics are (C,4), as files and the reference hold them; ours of the moment (4,C), for the loops over channels. */
static void running_statistics(double *m, double *v, float *run_m, float *run_v, const perturb_args *a) {
    int c = a->s.c;
    for (int i = 0; i < c; i++) for (int k = 0; k < PERTURB_K; k++) {
        float *rm = &run_m[i * PERTURB_K + k], *rv = &run_v[i * PERTURB_K + k];
        if (!a->batch_stats) {
            m[k * c + i] = (double)*rm;
            v[k * c + i] = (double)*rv;
            continue;
        }
        *rm = (1 - a->momentum) * *rm + a->momentum * (float)m[k * c + i];
        /* One image has no variance: nothing to learn from. */
        if (a->s.n > 1) *rv = (1 - a->momentum) * *rv + a->momentum * (float)v[k * c + i];
    }
}

double perturb_scale_input(const double *m, const double *v, const float *phi, const perturb_args *a, int channel) {
    const float *w = phi + PHI_W;
    int c = a->s.c;
    double sum = (double)w[8] * (double)a->c_feature + (double)w[9] * (double)a->h_feature;
    for (int k = 0; k < PERTURB_K; k++)
        sum += (double)w[k] * m[k * c + channel] + (double)w[PERTURB_K + k] * v[k * c + channel];
    return sum;
}

/* One picture: z, then y. `keep` (may be NULL) takes z for backward, or alpha where the noise is its mean. */
static void perturb_picture(const perturb_room *r, float *y, float *keep, const float *x, const float *scale, const float *phi,
                            const perturb_args *a, int n) {
    shape4 s = a->s;
    size_t row = (size_t)s.w * (size_t)s.c;
    if (a->noise != PERTURB_NOISE_NONE) perturb_first(r, phi, s);
    for (int h = 0; h < s.h; h++) {
        size_t at = (size_t)h * row, number = (size_t)n * (size_t)s.h + (size_t)h;
        float *z = keep ? keep + at : r->row;
        if (a->noise == PERTURB_NOISE_NONE) {
            for (size_t i = 0; i < row; i++) z[i] = 1;
        } else {
            rows_conv(r->base, padded_window(r->map[1], r->q, h), r->q, phi + PHI_E2_ALL, NULL, 0);
            rows_conv(z, padded_window(r->pic[1], r->p, h), r->p, phi + PHI_E2_SELF, r->base, 0);
        }
        if (a->noise == PERTURB_NOISE_SAMPLE) {
            const float *eps = a->eps ? a->eps + number * row : r->tmp;
            if (!a->eps) rng_normal_row(r->tmp, row, a->key, (uint32_t)number);
            rows_softplus(z, eps, row);
        } else if (a->noise == PERTURB_NOISE_MEAN) {
            rows_mean_softplus(r->tmp, NULL, z, row);
            z = r->tmp;
        }
        rows_apply(y + at, x + at, z, scale, s.w, s.c, a->t, a->clip);
    }
}

void perturb_forward(float *y, float *tape, float *running_mean, float *running_var, const float *x, const float *phi,
                     const perturb_args *a, float *scratch) {
    shape4 s = a->s;
    size_t picture = (size_t)s.h * (size_t)s.w * (size_t)s.c, c = (size_t)s.c;
    perturb_scratch sc = perturb_scratch_of(scratch, s);
    perturb_tape tp = tape ? perturb_tape_of(tape, s)
                           : (perturb_tape){sc.m, sc.v, NULL, sc.f, sc.s};
    assert(y != x && x && phi && scratch && s.n > 0 && s.h > 0 && s.w > 0 && s.c > 0);
    assert((size_t)scratch % sizeof(double) == 0 && (size_t)tape % sizeof(double) == 0);
    int threads = omp_get_max_threads() < s.n ? omp_get_max_threads() : s.n;
    if (a->scale && a->batch_stats) {
#pragma omp parallel for schedule(static) num_threads(threads)
        for (int n = 0; n < s.n; n++) {
            perturb_room r = perturb_room_of(sc.thread, s, omp_get_thread_num());
            perturb_load(&r, x, s, n);
            features(&r, tp.f + (size_t)n * PERTURB_K * c, phi, s);
        }
        batch_statistics(tp.m, tp.v, tp.f, s);
    }
    if (a->scale) {
        running_statistics(tp.m, tp.v, running_mean, running_var, a);
        for (int i = 0; i < s.c; i++) tp.s[i] = (float)(1 / (1 + exp(-perturb_scale_input(tp.m, tp.v, phi, a, i))));
    } else {
        for (size_t i = 0; i < c; i++) tp.s[i] = 1;
    }
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int n = 0; n < s.n; n++) {
        perturb_room r = perturb_room_of(sc.thread, s, omp_get_thread_num());
        size_t at = (size_t)n * picture;
        if (a->noise != PERTURB_NOISE_NONE) perturb_load(&r, x, s, n);
        perturb_picture(&r, y + at, tape ? tp.z + at : NULL, x + at, tp.s, phi, a, n);
    }
}
