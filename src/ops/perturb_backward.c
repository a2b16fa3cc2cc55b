/* perturb_backward.c - see perturb.h. Backward undoes forward step by step; what is cheap to compute again (relu(E1), the masks
 * of the features) is not kept. */
#include "ops/perturb_internal.h"
#include <assert.h>
#include <math.h>
#include <omp.h>
#include <string.h>

typedef struct {
    const perturb_args *a;
    const float *phi, *x, *dy, *coef;       /* coef: see feature_coefficients */
    perturb_tape tp;
    float *dx;
    int add_dx, want_phi;
} pass;

/* z of row h of picture n, where the tape holds alpha; slope: its derivative. */
static const float *z_row(const pass *b, const perturb_room *r, size_t at, size_t row, float *slope) {
    const float *z = b->tp.z + at;
    if (b->a->noise != PERTURB_NOISE_MEAN) return z;
    rows_mean_softplus(r->row, slope, z, row);
    return r->row;
}

/* This picture's part of d/ds, (C). */
static void scale_gradient(const pass *b, const perturb_room *r, float *ds, int n) {
    shape4 s = b->a->s;
    size_t row = (size_t)s.w * (size_t)s.c;
    memset(ds, 0, (size_t)s.c * sizeof *ds);
    for (int h = 0; h < s.h; h++) {
        size_t at = ((size_t)n * (size_t)s.h + (size_t)h) * row;
        const float *z = z_row(b, r, at, row, NULL);
        rows_scale_gradient(ds, b->dy + at, b->x + at, z, b->tp.s, s.w, s.c, b->a->t, b->a->clip);
    }
}

/* dx through the multiplier, and dalpha into pic[2] with its channel sum in map[2]. */
static void direct(const pass *b, const perturb_room *r, float *dx, int n) {
    shape4 s = b->a->s;
    size_t row = (size_t)s.w * (size_t)s.c;
    for (int h = 0; h < s.h; h++) {
        size_t at = ((size_t)n * (size_t)s.h + (size_t)h) * row;
        float *d = padded_row(r->pic[2], r->p, h), *slope = r->tmp;
        const float *z = z_row(b, r, at, row, slope);
        rows_direct_gradient(dx + (size_t)h * row, b->dx && b->add_dx, d, b->dy + at, b->x + at, z, b->tp.s, s.w, s.c, b->a->t,
                             b->a->clip);
        if (b->a->noise == PERTURB_NOISE_SAMPLE) rows_noise_gradient(d, z, row);
        if (b->a->noise == PERTURB_NOISE_MEAN) for (size_t i = 0; i < row; i++) d[i] *= slope[i];
        rows_channel_sum(padded_row(r->map[2], r->q, h), d, s.w, s.c, 1);
    }
}

/* Through alpha = E2(relu(E1(x))): dx += ..., partial += the gradients of E1 and E2. */
static void through_alpha(const pass *b, const perturb_room *r, float *dx, double *partial) {
    shape4 s = b->a->s;
    size_t row = (size_t)s.w * (size_t)s.c;
    const float *phi = b->phi;
    float mean[9], first[9];
    for (int t = 0; t < 9; t++) {
        mean[t] = phi[PHI_E2_ALL + t] / (float)s.c;
        first[t] = phi[PHI_E1_ALL + t] / (float)s.c;
    }
    for (int k = 2; k < 4; k++) {
        rows_clear_border(r->pic[k], r->p);
        rows_clear_border(r->map[k], r->q);
    }
    for (int h = 0; h < s.h; h++) {
        float *d1 = padded_row(r->pic[3], r->p, h), *d = padded_row(r->pic[2], r->p, h), *sum = padded_row(r->map[2], r->q, h);
        memset(d1, 0, row * sizeof *d1);
        memset(r->base, 0, (size_t)s.w * sizeof *d1);
        rows_conv_transposed(d1, padded_window(r->pic[2], r->p, h), r->p, phi + PHI_E2_SELF);
        rows_conv_transposed(r->base, padded_window(r->map[2], r->q, h), r->q, mean);
        rows_relu_gradient(d1, padded_row(r->pic[1], r->p, h), r->base, s.w, s.c);
        rows_channel_sum(padded_row(r->map[3], r->q, h), d1, s.w, s.c, 1);
        if (!b->want_phi) continue;
        rows_kernel_gradient(partial + PHI_E2_SELF, d, padded_window(r->pic[1], r->p, h), r->p);
        rows_kernel_gradient(partial + PHI_E2_ALL, sum, padded_window(r->map[1], r->q, h), r->q);
    }
    for (int h = 0; h < s.h; h++) {
        memset(r->base, 0, (size_t)s.w * sizeof *dx);
        rows_conv_transposed(dx + (size_t)h * row, padded_window(r->pic[3], r->p, h), r->p, phi + PHI_E1_SELF);
        rows_conv_transposed(r->base, padded_window(r->map[3], r->q, h), r->q, first);
        rows_add_base(dx + (size_t)h * row, r->base, s.w, s.c);
        if (!b->want_phi) continue;
        rows_kernel_gradient(partial + PHI_E1_SELF, padded_row(r->pic[3], r->p, h), padded_window(r->pic[0], r->p, h), r->p);
        rows_kernel_gradient(partial + PHI_E1_ALL, padded_row(r->map[3], r->q, h), padded_window(r->map[0], r->q, h), r->q);
    }
}

/* Through the features f of this picture: coef (4,C) holds df/(H*W). */
static void through_features(const pass *b, const perturb_room *r, float *dx, const float *coef, double *partial) {
    shape4 s = b->a->s;
    size_t row = (size_t)s.w * (size_t)s.c;
    rows_clear_border(r->pic[2], r->p);
    for (int k = 0; k < PERTURB_K; k++) {
        const float *K = b->phi + PHI_K + 9 * k;
        for (int h = 0; h < s.h; h++)
            rows_feature_mask(padded_row(r->pic[2], r->p, h), padded_window(r->pic[0], r->p, h), r->p, K, coef + k * s.c);
        for (int h = 0; h < s.h; h++) {
            rows_conv_transposed(dx + (size_t)h * row, padded_window(r->pic[2], r->p, h), r->p, K);
            if (b->want_phi) rows_kernel_gradient(partial + PHI_K + 9 * k, padded_row(r->pic[2], r->p, h),
                                                  padded_window(r->pic[0], r->p, h), r->p);
        }
    }
}

static void picture(const pass *b, const perturb_room *r, int n, double *partial) {
    shape4 s = b->a->s;
    size_t size = (size_t)s.h * (size_t)s.w * (size_t)s.c, c = (size_t)s.c;
    float *dx = b->dx ? b->dx + (size_t)n * size : r->spare, *coef = r->base + 4 * (size_t)s.w;
    if (partial) memset(partial, 0, PERTURB_PARTIAL * sizeof *partial);
    perturb_load(r, b->x, s, n);
    direct(b, r, dx, n);
    if (b->a->noise != PERTURB_NOISE_NONE && b->a->t != 0) {
        perturb_first(r, b->phi, s);
        through_alpha(b, r, dx, partial);
    }
    if (!b->coef) return;
    /* df_b = dm/B + dv * 2 (f_b - m)/(B-1), over H*W */
    const float *dm = b->coef, *dv = b->coef + PERTURB_K * c, *f = b->tp.f + (size_t)n * PERTURB_K * c;
    float area = 1 / ((float)s.h * (float)s.w);
    for (size_t i = 0; i < PERTURB_K * c; i++) coef[i] = area * (dm[i] + dv[i] * (float)((double)f[i] - b->tp.m[i]));
    through_features(b, r, dx, coef, partial);
}

/* From ds (summed over the batch) to w's gradient, and to dm/B, 2 dv/(B-1) for the pictures, (4,C) each. */
static void through_scale(double *dphi, float *coef, const double *ds, const perturb_tape *tp, const float *phi,
                          const perturb_args *a) {
    int c = a->s.c;
    const float *w = phi + PHI_W;
    for (int i = 0; i < c; i++) {
        /* s (1 - s) from the sigmoid's argument: where s is close to 1, the difference has no digits left in float. */
        double e = exp(-fabs(perturb_scale_input(tp->m, tp->v, phi, a, i))), dpre = ds[i] * e / ((1 + e) * (1 + e));
        for (int k = 0; k < PERTURB_K; k++) {
            if (dphi) {
                dphi[PHI_W + k] += dpre * tp->m[k * c + i];
                dphi[PHI_W + PERTURB_K + k] += dpre * tp->v[k * c + i];
            }
            coef[k * c + i] = (float)(dpre * (double)w[k] / a->s.n);
            coef[(PERTURB_K + k) * c + i] = a->s.n > 1 ? (float)(2 * dpre * (double)w[PERTURB_K + k] / (a->s.n - 1)) : 0;
        }
        if (!dphi) continue;
        dphi[PHI_W + 8] += dpre * (double)a->c_feature;
        dphi[PHI_W + 9] += dpre * (double)a->h_feature;
    }
}

void perturb_backward(float *dx, int add_dx, double *dphi, const float *dy, const float *tape, const float *x, const float *phi,
                      const perturb_args *a, float *scratch) {
    shape4 s = a->s;
    size_t c = (size_t)s.c;
    perturb_scratch sc = perturb_scratch_of(scratch, s);
    /* Backward only reads the tape. */
    pass b = {.a = a, .phi = phi, .x = x, .dy = dy, .tp = perturb_tape_of((float *)(size_t)tape, s), .dx = dx, .add_dx = add_dx,
              .want_phi = dphi != NULL};
    int threads = omp_get_max_threads() < s.n ? omp_get_max_threads() : s.n;
    assert(dy && tape && x && phi && scratch && dx != dy && (size_t)scratch % sizeof(double) == 0);
    if (a->scale && (a->batch_stats || dphi)) {
#pragma omp parallel for schedule(static) num_threads(threads)
        for (int n = 0; n < s.n; n++) {
            perturb_room r = perturb_room_of(sc.thread, s, omp_get_thread_num());
            scale_gradient(&b, &r, sc.ds + (size_t)n * c, n);
        }
        double *ds = (double *)(void *)sc.partial;      /* free until the pictures begin */
        for (size_t i = 0; i < c; i++) {
            ds[i] = 0;
            for (int n = 0; n < s.n; n++) ds[i] += (double)sc.ds[(size_t)n * c + i];
        }
        through_scale(dphi, sc.coef, ds, &b.tp, phi, a);
        if (a->batch_stats) b.coef = sc.coef;
    }
    if (!dx && !dphi) return;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int n = 0; n < s.n; n++) {
        perturb_room r = perturb_room_of(sc.thread, s, omp_get_thread_num());
        picture(&b, &r, n, dphi ? sc.partial + (size_t)n * PERTURB_PARTIAL : NULL);
    }
    for (int n = 0; dphi && n < s.n; n++)
        for (int k = 0; k < PERTURB_PARTIAL; k++) dphi[k] += sc.partial[(size_t)n * PERTURB_PARTIAL + (size_t)k];
}
