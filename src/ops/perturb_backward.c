/* perturb_backward.c - see perturb.h; perturb_internal.h tells how the work is cut. Two passes over
 * the batch, because the gradient through s needs d/ds of the whole batch: the first takes all that
 * goes through the multiplier and alpha, and collects d/ds; the second adds what goes through the
 * features. Values of E1 are computed again, and only for phi's own gradient. */
#include "ops/perturb_internal.h"
#include <assert.h>
#include <math.h>
#include <omp.h>

enum {
    DA,
    D1,
    X,
    R
}; /* rings of the first pass: dalpha, d/d(E1), x, relu(E1(x)); in the second the first four are
      features */

typedef struct {
    const perturb_args *a;
    const float *x, *dy, *phi, *coef; /* coef: see through_scale */
    perturb_tape tp;
    float *dx;
    int add_dx, want_phi, through_alpha;
    float first[18], second[18],
        K[PHI_W -
          PHI_K]; /* self, all / C of E1 and E2, and K, all mirrored: transposed convolutions */
} pass;

static void mirror(float *out, const float *in, int kernels, float factor) {
    for (int i = 0; i < kernels; i++)
        for (int t = 0; t < 9; t++) out[9 * i + t] = factor * in[9 * i + 8 - t];
}

/* Row y through the multiplier: dx, this row's part of d/ds, and dalpha into its ring; rows beyond
 * the unit only the latter. */
static void direct(const pass *b, const perturb_room *r, perturb_unit u, double *ds, int y) {
    const perturb_args *a = b->a;
    shape4 s = a->s;
    size_t at = perturb_at(s, u.n, y), row = (size_t)s.w * (size_t)s.c;
    int inside = y >= u.top && y < u.end;
    float *slope = r->row[1], *dx = b->dx && inside ? b->dx + at : r->row[2],
          *d = perturb_row(r->ring[DA], y);
    int taped = a->noise == PERTURB_NOISE_SAMPLE || a->noise == PERTURB_NOISE_GAUSS;
    const float *z = taped ? b->tp.z + at : r->row[0];
    if (a->noise == PERTURB_NOISE_MEAN) rows_mean_softplus(r->row[0], slope, b->tp.z + at, row);
    if (a->noise == PERTURB_NOISE_UNIT)
        rows_unit_softplus(r->row[0], slope, b->tp.z + at, perturb_eps(r->row[3], a, u.n, y), row);
    memset(r->sums, 0, (size_t)s.c * sizeof *r->sums);
    rows_direct_gradient(dx, dx != r->row[2] && b->add_dx, d, r->sums, b->dy + at, b->x + at, z,
                         b->tp.s, s.w, s.c, a);
    for (int i = 0; inside && i < s.c; i++) ds[i] += (double)r->sums[i];
    if (!b->through_alpha) return;
    if (a->noise == PERTURB_NOISE_SAMPLE)
        rows_noise_gradient(d, z, row);
    else
        rows_multiply(d, slope, row);
    rows_channel_sum(perturb_row(r->map[DA], y), d, s.w, s.c, 1);
}

/* Row y of the gradient before E1's relu, from three rows of dalpha. */
static void through_second(const pass *b, const perturb_room *r, perturb_unit u, int y) {
    shape4 s = b->a->s;
    float *d = perturb_row(r->ring[D1], y);
    if (y < 0 || y >= s.h) {
        perturb_row_zero(r->ring[D1], y);
        perturb_row_zero(r->map[D1], y);
        return;
    }
    rows_conv(r->base, perturb_window(r->map[DA], y), s.w, 1, b->second + 9, NULL, ROWS_SET);
    rows_conv(d, perturb_window(r->ring[DA], y), s.w, s.c, b->second, r->base, ROWS_SET);
    rows_mask_apply(d, b->tp.mask + perturb_at(s, u.n, y), (size_t)s.w * (size_t)s.c);
    rows_channel_sum(perturb_row(r->map[D1], y), d, s.w, s.c, 1);
}

/* acc (18): gradient of self and all, from row y of an output gradient and the input's window. */
static void kernel_gradients(double *acc, const perturb_room *r, int d, int in, shape4 s, int y) {
    rows_kernel_gradient(acc, perturb_row(r->ring[d], y), perturb_window(r->ring[in], y), s.w, s.c);
    rows_kernel_gradient(acc + 9, perturb_row(r->map[d], y), perturb_window(r->map[in], y), s.w, 1);
}

/* The first pass over one unit. ds (C) and partial (72; its E1 and E2) are overwritten. */
static void multiplier_unit(const pass *b, const perturb_room *r, perturb_unit u, double *ds,
                            double *partial) {
    shape4 s = b->a->s;
    memset(ds, 0, (size_t)s.c * sizeof *ds);
    if (partial) memset(partial, 0, PERTURB_PARTIAL * sizeof *partial);
    for (size_t i = 0; b->a->noise == PERTURB_NOISE_NONE && i < (size_t)s.w * (size_t)s.c; i++)
        r->row[0][i] = 1;
    if (!b->through_alpha) {
        for (int y = u.top; y < u.end; y++) direct(b, r, u, ds, y);
        return;
    }
    for (int i = DA; i <= (b->want_phi ? R : D1); i++) {
        perturb_ring_clear(r->ring[i]);
        perturb_ring_clear(r->map[i]);
    }
    for (int h = u.top - 2; h < u.end + 2; h++) {
        if (h >= 0 && h < s.h) {
            direct(b, r, u, ds, h);
        } else {
            perturb_row_zero(r->ring[DA], h);
            perturb_row_zero(r->map[DA], h);
        }
        if (b->want_phi) perturb_load(r->ring[X], &r->map[X], b->x, s, u.n, h);
        if (h < u.top) continue;
        int e1 = h - 1, e2 = h - 2; /* rows that have all they need by now */
        through_second(b, r, u, e1);
        if (b->want_phi) {
            perturb_first(r, r->ring[R], r->map[R], r->ring[X], r->map[X], b->phi, s, e1);
            if (e1 >= u.top && e1 < u.end) kernel_gradients(partial + PHI_E1_SELF, r, D1, X, s, e1);
            if (e2 >= u.top) kernel_gradients(partial + PHI_E2_SELF, r, DA, R, s, e2);
        }
        if (e2 < u.top || !b->dx) continue;
        rows_conv(r->base, perturb_window(r->map[D1], e2), s.w, 1, b->first + 9, NULL, ROWS_SET);
        rows_conv(b->dx + perturb_at(s, u.n, e2), perturb_window(r->ring[D1], e2), s.w, s.c,
                  b->first, r->base, ROWS_ADD);
    }
}

/* From ds (summed over the batch) to w's gradient, and to dm/B, 2 dv/(B-1) for the pictures, (4,C)
 * each. */
static void through_scale(double *dphi, float *coef, const double *ds, const perturb_tape *tp,
                          const float *phi, const perturb_args *a) {
    int c = a->s.c;
    const float *w = phi + PHI_W;
    for (int i = 0; i < c; i++) {
        /* s (1 - s) from the sigmoid's argument: where s is close to 1, the difference has no
         * digits left in float. */
        double e = exp(-fabs(perturb_scale_input(tp->m, tp->v, phi, a, i))),
               dpre = ds[i] * e / ((1 + e) * (1 + e));
        for (int k = 0; k < PERTURB_K; k++) {
            if (dphi) {
                dphi[PHI_W + k] += dpre * tp->m[k * c + i];
                dphi[PHI_W + PERTURB_K + k] += dpre * tp->v[k * c + i];
            }
            coef[k * c + i] = (float)(dpre * (double)w[k] / a->s.n);
            coef[(PERTURB_K + k) * c + i] = a->s.n > 1
                                                ? (float)(2 * dpre * (double)w[PERTURB_K + k] /
                                                          (a->s.n - 1))
                                                : 0;
        }
        if (!dphi) continue;
        dphi[PHI_W + 8] += dpre * (double)a->c_feature;
        dphi[PHI_W + 9] += dpre * (double)a->h_feature;
    }
}

/* The second pass over one unit: df_b = dm/B + dv * 2 (f_b - m)/(B-1), spread over H*W, where the
 * features were above 0. */
static void features_unit(const pass *b, const perturb_room *r, perturb_unit u, double *partial) {
    shape4 s = b->a->s;
    size_t n = PERTURB_K * (size_t)s.c;
    const float *dm = b->coef, *dv = b->coef + n, *f = b->tp.f + (size_t)u.n * n;
    float area = 1 / ((float)s.h * (float)s.w);
    for (size_t i = 0; i < n; i++)
        r->sums[i] = area * (dm[i] + dv[i] * (float)((double)f[i] - b->tp.m[i]));
    for (int i = 0; i < PERTURB_RINGS; i++) perturb_ring_clear(r->ring[i]);
    for (int h = u.top - 1; h <= u.end; h++) {
        float *rows[PERTURB_K];
        for (int k = 0; k < PERTURB_K; k++) {
            rows[k] = perturb_row(r->ring[k], h);
            if (h < 0 || h >= s.h) perturb_row_zero(r->ring[k], h);
        }
        if (h >= 0 && h < s.h)
            rows_feature_spread(rows, b->tp.mask + perturb_at(s, u.n, h), r->sums, s.w, s.c,
                                r->bits);
        if (b->want_phi) perturb_load(r->ring[PERTURB_K], NULL, b->x, s, u.n, h);
        int y = h - 1;
        if (y < u.top) continue;
        for (int k = 0; b->dx && k < PERTURB_K; k += 2)
            rows_conv_pair(b->dx + perturb_at(s, u.n, y), perturb_window(r->ring[k], y),
                           perturb_window(r->ring[k + 1], y), s.w, s.c, b->K + 9 * k);
        for (int k = 0; b->want_phi && k < PERTURB_K; k++)
            rows_kernel_gradient(partial + PHI_K + 9 * k, perturb_row(r->ring[k], y),
                                 perturb_window(r->ring[PERTURB_K], y), s.w, s.c);
    }
}

static void passes(pass *b, double *dphi, const perturb_scratch *sc) {
    shape4 s = b->a->s;
    int threads = perturb_threads(s), units = (int)perturb_units(s);
    size_t c = (size_t)s.c;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int i = 0; i < units; i++) {
        perturb_room r = perturb_room_of(sc->threads, s, omp_get_thread_num());
        multiplier_unit(b, &r, perturb_unit_of(s, (size_t)i), sc->sums + (size_t)i * c,
                        dphi ? sc->partial + (size_t)i * PERTURB_PARTIAL : NULL);
    }
    if (b->a->scale && (b->a->batch_stats || dphi)) {
        double *ds = sc->sums; /* the first unit's takes the others' */
        for (size_t i = 0; i < c; i++)
            for (int k = 1; k < units; k++) ds[i] += sc->sums[(size_t)k * c + i];
        through_scale(dphi, sc->coef, ds, &b->tp, b->phi, b->a);
    }
    if (b->a->scale && b->a->batch_stats) {
#pragma omp parallel for schedule(static) num_threads(threads)
        for (int i = 0; i < units; i++) {
            perturb_room r = perturb_room_of(sc->threads, s, omp_get_thread_num());
            features_unit(b, &r, perturb_unit_of(s, (size_t)i),
                          dphi ? sc->partial + (size_t)i * PERTURB_PARTIAL : NULL);
        }
    }
    for (int i = 0; dphi && i < units; i++)
        for (int k = 0; k < PERTURB_PARTIAL; k++)
            dphi[k] += sc->partial[(size_t)i * PERTURB_PARTIAL + (size_t)k];
}

void perturb_backward(float *dx, int add_dx, double *dphi, const float *dy, const float *tape,
                      const float *x, const float *phi, const perturb_args *a, float *scratch) {
    shape4 s = a->s;
    assert(dy && tape && x && phi && scratch && dx != dy && dx != x && s.n > 0 && s.h > 0 &&
           s.w > 0 && s.c > 0);
    assert((size_t)scratch % sizeof(float) == 0 && (size_t)tape % sizeof(double) == 0);
    if (!dx && !dphi) return;
    perturb_scratch sc = perturb_scratch_of(scratch, s);
    /* Backward only reads the tape. */
    pass b = {.a = a,
              .phi = phi,
              .x = x,
              .dy = dy,
              .coef = sc.coef,
              .tp = perturb_tape_of((float *)(size_t)tape, s),
              .dx = dx,
              .add_dx = add_dx,
              .want_phi = dphi != NULL,
              .through_alpha = a->noise != PERTURB_NOISE_NONE && a->noise != PERTURB_NOISE_GAUSS &&
                               a->t != 0};
    float channels = 1 / (float)s.c;
    mirror(b.first, phi + PHI_E1_SELF, 1, 1);
    mirror(b.first + 9, phi + PHI_E1_ALL, 1, channels);
    mirror(b.second, phi + PHI_E2_SELF, 1, 1);
    mirror(b.second + 9, phi + PHI_E2_ALL, 1, channels);
    mirror(b.K, phi + PHI_K, PERTURB_K, 1);
    passes(&b, dphi, &sc);
}
