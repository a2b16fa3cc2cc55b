/* perturb_forward.c - see perturb.h; perturb_internal.h tells how the work is cut. */
#include "ops/perturb_internal.h"
#include <assert.h>
#include <math.h>
#include <omp.h>

enum { X, R }; /* rings of forward: x, relu(E1(x)) */

size_t perturb_tape_len(shape4 s) { return perturb_tape_floats(s); }

size_t perturb_scratch_len(shape4 s, int threads) {
    assert(threads > 0);
    return 16 + perturb_shared_len(s) + (size_t)threads * perturb_thread_len(s);
}

int perturb_threads(shape4 s) {
    size_t most = (size_t)omp_get_max_threads(), units = perturb_units(s);
    return (int)(most < units ? most : units);
}

void perturb_load(perturb_ring ring, const perturb_ring *map, const float *x, shape4 s, int n,
                  int y) {
    if (y < 0 || y >= s.h) {
        perturb_row_zero(ring, y);
        if (map) perturb_row_zero(*map, y);
        return;
    }
    const float *from = x + perturb_at(s, n, y);
    memcpy(perturb_row(ring, y), from, ring.w * ring.c * sizeof *from);
    if (map) rows_channel_sum(perturb_row(*map, y), from, s.w, s.c, 1 / (float)s.c);
}

void perturb_first(const perturb_room *r, perturb_ring out, perturb_ring out_map, perturb_ring in,
                   perturb_ring in_map, const float *phi, shape4 s, int y) {
    if (y < 0 || y >= s.h) {
        perturb_row_zero(out, y);
        perturb_row_zero(out_map, y);
        return;
    }
    rows_conv(r->base, perturb_window(in_map, y), s.w, 1, phi + PHI_E1_ALL, NULL, ROWS_SET);
    rows_conv(perturb_row(out, y), perturb_window(in, y), s.w, s.c, phi + PHI_E1_SELF, r->base,
              ROWS_RELU);
    rows_channel_sum(perturb_row(out_map, y), perturb_row(out, y), s.w, s.c, 1 / (float)s.c);
}

/* A unit's sums of the features, (4,C): a row is added up in float, rows in double. Their signs go
 * to the tape. */
static void features(const perturb_room *r, perturb_unit u, double *sums, uint8_t *mask,
                     const float *x, const float *phi, shape4 s) {
    size_t n = PERTURB_K * (size_t)s.c;
    memset(sums, 0, n * sizeof *sums);
    perturb_ring_clear(r->ring[X]);
    for (int row = u.top - 1; row <= u.end; row++) {
        int y = row - 1;
        perturb_load(r->ring[X], NULL, x, s, u.n, row);
        if (y < u.top) continue;
        memset(r->sums, 0, n * sizeof *r->sums);
        rows_feature(r->sums, mask ? mask + perturb_at(s, u.n, y) : NULL,
                     perturb_window(r->ring[X], y), s.w, s.c, phi + PHI_K, r->row[0], r->bits);
        for (size_t i = 0; i < n; i++) sums[i] += (double)r->sums[i];
    }
}

/* f (N,4,C) from the units' sums; mean and unbiased variance over the batch; B = 1 has no variance:
 * 0. */
static void batch_statistics(double *m, double *v, float *f, const double *sums, shape4 s) {
    size_t n = PERTURB_K * (size_t)s.c, bands = perturb_bands(s);
    double area = (double)s.h * s.w;
    for (size_t i = 0; i < n; i++) {
        double mean = 0, var = 0;
        for (size_t b = 0; b < (size_t)s.n; b++) {
            double sum = 0;
            for (size_t k = 0; k < bands; k++) sum += sums[(b * bands + k) * n + i];
            f[b * n + i] = (float)(sum / area);
            mean += (double)f[b * n + i];
        }
        mean /= s.n;
        for (size_t b = 0; b < (size_t)s.n; b++) {
            double d = (double)f[b * n + i] - mean;
            var += d * d;
        }
        m[i] = mean;
        v[i] = s.n > 1 ? var / (s.n - 1) : 0;
    }
}

/* Running statistics are (C,4), as files and the reference hold them; ours of the moment (4,C), for
 * the loops over channels. */
static void running_statistics(double *m, double *v, float *run_m, float *run_v,
                               const perturb_args *a) {
    int c = a->s.c;
    for (int i = 0; i < c; i++)
        for (int k = 0; k < PERTURB_K; k++) {
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

double perturb_scale_input(const double *m, const double *v, const float *phi,
                           const perturb_args *a, int channel) {
    const float *w = phi + PHI_W;
    int c = a->s.c;
    double sum = (double)w[8] * (double)a->c_feature + (double)w[9] * (double)a->h_feature;
    for (int k = 0; k < PERTURB_K; k++)
        sum += (double)w[k] * m[k * c + channel] + (double)w[PERTURB_K + k] * v[k * c + channel];
    return sum;
}

const float *perturb_eps(float *room, const perturb_args *a, int n, int y) {
    if (a->eps) return a->eps + perturb_at(a->s, n, y);
    rng_normal_row(room, (size_t)a->s.w * (size_t)a->s.c, a->key,
                   (uint32_t)n * (uint32_t)a->s.h + (uint32_t)y);
    return room;
}

/* z of row y into z, in place of alpha where the noise is a plain sample; the row of z to apply is
 * returned. */
static const float *noise_row(const perturb_room *r, float *z, const float *phi,
                              const perturb_args *a, int n, int y) {
    shape4 s = a->s;
    size_t row = (size_t)s.w * (size_t)s.c;
    rows_conv(r->base, perturb_window(r->map[R], y), s.w, 1, phi + PHI_E2_ALL, NULL, ROWS_SET);
    rows_conv(z, perturb_window(r->ring[R], y), s.w, s.c, phi + PHI_E2_SELF, r->base, ROWS_SET);
    if (a->noise == PERTURB_NOISE_MEAN) {
        rows_mean_softplus(r->row[1], NULL, z, row);
        return r->row[1];
    }
    const float *eps = perturb_eps(r->row[1], a, n, y);
    if (a->noise == PERTURB_NOISE_UNIT) {
        rows_unit_softplus(r->row[2], NULL, z, eps, row);
        return r->row[2];
    }
    rows_softplus(z, eps, row);
    return z;
}

/* One unit of y where z does not depend on x. */
static void multiply_free(const perturb_room *r, perturb_unit u, float *y, const perturb_tape *keep,
                          const float *x, const float *scale, const perturb_args *a) {
    size_t row = (size_t)a->s.w * (size_t)a->s.c;
    for (size_t i = 0; i < row; i++) r->row[0][i] = 1;
    for (int h = u.top; h < u.end; h++) {
        size_t at = perturb_at(a->s, u.n, h);
        float *z = keep && a->noise == PERTURB_NOISE_GAUSS ? keep->z + at : r->row[0];
        if (a->noise == PERTURB_NOISE_GAUSS) {
            const float *eps = perturb_eps(r->row[1], a, u.n, h);
            for (size_t i = 0; i < row; i++) z[i] = 1 + a->sd * eps[i];
        }
        rows_apply(y + at, x + at, z, scale, a->s.w, a->s.c, a);
    }
}

/* One unit of y. */
static void multiply(const perturb_room *r, perturb_unit u, float *y, const perturb_tape *keep,
                     const float *x, const float *scale, const float *phi, const perturb_args *a) {
    shape4 s = a->s;
    size_t row = (size_t)s.w * (size_t)s.c;
    if (a->noise == PERTURB_NOISE_NONE || a->noise == PERTURB_NOISE_GAUSS) {
        multiply_free(r, u, y, keep, x, scale, a);
        return;
    }
    for (int i = X; i <= R; i++) {
        perturb_ring_clear(r->ring[i]);
        perturb_ring_clear(r->map[i]);
    }
    for (int h = u.top - 2; h < u.end + 2; h++) {
        perturb_load(r->ring[X], &r->map[X], x, s, u.n, h);
        if (h < u.top) continue;
        int e1 = h - 1, e2 = h - 2; /* rows that have all they need by now */
        perturb_first(r, r->ring[R], r->map[R], r->ring[X], r->map[X], phi, s, e1);
        if (keep && e1 >= u.top && e1 < u.end)
            rows_mask_set(keep->mask + perturb_at(s, u.n, e1), perturb_row(r->ring[R], e1), row,
                          a->scale && a->batch_stats);
        if (e2 < u.top) continue;
        size_t at = perturb_at(s, u.n, e2);
        const float *z = noise_row(r, keep ? keep->z + at : r->row[0], phi, a, u.n, e2);
        rows_apply(y + at, x + at, z, scale, s.w, s.c, a);
    }
}

void perturb_forward(float *y, float *tape, float *running_mean, float *running_var, const float *x,
                     const float *phi, const perturb_args *a, float *scratch) {
    shape4 s = a->s;
    assert(y && x && y != x && phi && scratch && s.n > 0 && s.h > 0 && s.w > 0 && s.c > 0);
    assert((!a->scale || (running_mean && running_var)) && (size_t)scratch % sizeof(float) == 0 &&
           (size_t)tape % sizeof(double) == 0);
    perturb_scratch sc = perturb_scratch_of(scratch, s);
    perturb_tape tp = tape ? perturb_tape_of(tape, s)
                           : (perturb_tape){sc.m, sc.v, NULL, sc.f, sc.s, NULL};
    int threads = perturb_threads(s), units = (int)perturb_units(s);
    if (a->scale && a->batch_stats) {
#pragma omp parallel for schedule(static) num_threads(threads)
        for (int i = 0; i < units; i++) {
            perturb_room r = perturb_room_of(sc.threads, s, omp_get_thread_num());
            features(&r, perturb_unit_of(s, (size_t)i),
                     sc.sums + (size_t)i * PERTURB_K * (size_t)s.c, tp.mask, x, phi, s);
        }
        batch_statistics(tp.m, tp.v, tp.f, sc.sums, s);
    }
    if (a->scale) running_statistics(tp.m, tp.v, running_mean, running_var, a);
    for (int i = 0; i < s.c; i++)
        tp.s[i] = a->scale ? (float)(1 / (1 + exp(-perturb_scale_input(tp.m, tp.v, phi, a, i))))
                           : 1;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int i = 0; i < units; i++) {
        perturb_room r = perturb_room_of(sc.threads, s, omp_get_thread_num());
        multiply(&r, perturb_unit_of(s, (size_t)i), y, tape ? &tp : NULL, x, tp.s, phi, a);
    }
}
