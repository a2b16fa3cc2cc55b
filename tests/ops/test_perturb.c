/* test_perturb.c - the perturbation: values against the naive double reference, gradients against
 * its central differences, for odd shapes and all modes; the same bits for any number of threads;
 * symmetry; the edges of every buffer. */
#include "layout.h"
#include "ref.h"
#include "test.h"
#include "ops/perturb_rows.h"
#include <omp.h>

enum { GUARD = 24, THREADS = 3 }; /* floats around each buffer; threads that scratch is made for */
#define GUARD_BITS 0x7fa5a5a5u    /* a NaN, so that a number made from it shows too */

typedef struct {
    shape4 s;
    int noise, scale, batch;
    float t, clip;
} mode;

/* Everything one call needs. x, eps, probe are NHWC; the doubles are the reference's copies, NCHW.
 */
typedef struct {
    perturb_args a;
    ref_perturb_args ra;
    size_t n, c4;
    float *x, *eps, *probe, *y, *dx, *tape, *scratch, *rm, *rv, phi[PHI_LEN];
    double *xd, *epsd, *probed, *out, *rmd, *rvd, phid[PHI_LEN], dphi[PHI_LEN];
} world;

static float *guarded(size_t n) {
    uint32_t *p = aligned_alloc(64, (n + 2 * GUARD + 15) / 16 * 64);
    if (!p) exit(2);
    for (size_t i = 0; i < n + 2 * GUARD; i++) p[i] = GUARD_BITS;
    return (float *)(void *)p + GUARD;
}

static void check_guards(float *buf, size_t n, const char *what, int number) {
    const uint32_t *p = (const uint32_t *)(const void *)(buf - GUARD);
    int hit = 0;
    for (size_t i = 0; i < GUARD; i++)
        hit += (p[i] != GUARD_BITS) + (p[GUARD + n + i] != GUARD_BITS);
    CHECK(hit == 0, "mode %d: %d words around %s overwritten", number, hit, what);
}

static world *make(const mode *q, int number) {
    static const float slopes[3] = {1, 0, 0.1f}; /* none, relu, leaky */
    world *w = calloc(1, sizeof *w);
    shape4 s = q->s;
    w->n = shape_len(s);
    w->c4 = 4 * (size_t)s.c;
    rng_stream r = rng_open(rng_key(3, RNG_TEST, (uint64_t)number, 1));
    float **f[] = {&w->x, &w->eps, &w->probe, &w->y, &w->dx};
    double **d[] = {&w->xd, &w->epsd, &w->probed, &w->out};
    for (int i = 0; i < 5; i++) *f[i] = guarded(w->n);
    for (int i = 0; i < 4; i++) *d[i] = calloc(w->n, sizeof **d[i]);
    for (int i = 0; i < 3; i++)
        for (size_t k = 0; k < w->n; k++)
            (*f[i])[nhwc_at(s, k)] = (float)((*d[i])[k] = (double)rng_normal(&r));
    w->rm = guarded(w->c4);
    w->rv = guarded(w->c4);
    w->rmd = calloc(w->c4, sizeof *w->rmd);
    w->rvd = calloc(w->c4, sizeof *w->rvd);
    w->tape = guarded(perturb_tape_len(s));
    w->scratch = guarded(perturb_scratch_len(s, THREADS));
    for (int k = 0; k < PHI_LEN; k++) w->phid[k] = (double)(w->phi[k] = 0.4f * rng_normal(&r));
    for (size_t k = 0; k < w->c4; k++) {
        w->rmd[k] = (double)(w->rm[k] = rng_normal(&r));
        w->rvd[k] = (double)(w->rv[k] = 0.5f + rng_uniform(&r, 0, 1));
    }
    w->a = (perturb_args){.s = s,
                          .c_feature = 0.7f,
                          .h_feature = 0.3f,
                          .t = q->t,
                          .clip = q->clip,
                          .slope = slopes[number % 3],
                          .noise = (perturb_noise)q->noise,
                          .scale = q->scale,
                          .batch_stats = q->batch,
                          .momentum = 0.1f,
                          .eps = w->eps,
                          .key = {7, 9},
                          .sd = 0.6f,
                          .two_sided = number % 2};
    w->ra = (ref_perturb_args){s.n,
                               s.c,
                               s.h,
                               s.w,
                               (double)q->t,
                               (double)q->clip,
                               (double)w->a.slope,
                               (double)w->a.c_feature,
                               (double)w->a.h_feature,
                               q->noise,
                               q->scale,
                               q->batch,
                               w->epsd,
                               w->rmd,
                               w->rvd,
                               (double)w->a.sd,
                               w->a.two_sided};
    return w;
}

static void drop(world *w) {
    float *f[] = {w->x, w->eps, w->probe, w->y, w->dx, w->tape, w->scratch, w->rm, w->rv};
    double *d[] = {w->xd, w->epsd, w->probed, w->out, w->rmd, w->rvd};
    for (size_t i = 0; i < sizeof f / sizeof *f; i++) free(f[i] - GUARD);
    for (size_t i = 0; i < sizeof d / sizeof *d; i++) free(d[i]);
    free(w);
}

static void forward(world *w) {
    perturb_forward(w->y, w->tape, w->rm, w->rv, w->x, w->phi, &w->a, w->scratch);
}
static void backward(world *w) {
    memset(w->dphi, 0, sizeof w->dphi);
    perturb_backward(w->dx, 0, w->dphi, w->probe, w->tape, w->x, w->phi, &w->a, w->scratch);
}

static double loss(void *p) {
    world *w = p;
    double sum = 0;
    ref_perturb(w->out, w->xd, w->phid, &w->ra, NULL, NULL);
    for (size_t i = 0; i < w->n; i++) sum += w->probed[i] * w->out[i];
    return sum;
}

/* Norm of what was got minus wanted, over that of the wanted; with few wanted, all against the
 * largest. */
typedef struct {
    double diff, want;
} norm;
static void count(norm *v, double got, double want) {
    v->diff += (got - want) * (got - want);
    v->want += want * want;
}
static void check_norm(norm v, const char *what, int number, int zero) {
    double e = v.want > 0 ? sqrt(v.diff / v.want) : sqrt(v.diff);
    CHECK(e <= 1e-5, "mode %d: %s %.2e", number, what, e);
    CHECK(zero ? v.want == 0 : v.want > 0, "mode %d: the reference's %s is %s zero", number, what,
          zero ? "not" : "all");
}

static int learned(const mode *q) {
    return q->noise != PERTURB_NOISE_NONE && q->noise != PERTURB_NOISE_GAUSS;
}

static void against_reference(const mode *q, int number) {
    static const struct {
        const char *name;
        int from, to;
    } parts[] = {
        {"dE1 self", 0, 9},
        {"dE1 all", 9, 18},
        {"dE2 self", 18, 27},
        {"dE2 all", 27, 36},
        {"dK", PHI_K, PHI_W},
        {"dw means", PHI_W, PHI_W + 4},
        {"dw variances", PHI_W + 4, PHI_W + 8},
        {"dw sizes", PHI_W + 8, PHI_LEN},
    };
    world *w = make(q, number);
    shape4 s = q->s;
    double *m = calloc(w->c4, sizeof *m), *v = calloc(w->c4, sizeof *v);
    norm y = {0, 0}, dx = y, stats = y;
    forward(w);
    backward(w);
    ref_perturb(w->out, w->xd, w->phid, &w->ra, m, v);
    for (size_t k = 0; k < w->n; k++) count(&y, (double)w->y[nhwc_at(s, k)], w->out[k]);
    check_norm(y, "y", number, 0);
    for (size_t k = 0; k < w->c4; k++) {
        int moves = q->scale && q->batch;
        count(&stats, (double)w->rm[k], moves ? 0.9 * w->rmd[k] + 0.1 * m[k] : w->rmd[k]);
        count(&stats, (double)w->rv[k],
              moves && s.n > 1 ? 0.9 * w->rvd[k] + 0.1 * v[k] : w->rvd[k]);
    }
    check_norm(stats, "running statistics", number, 0);
    for (size_t k = 0; k < w->n; k += 1 + w->n / 50)
        count(&dx, (double)w->dx[nhwc_at(s, k)], ref_slope(loss, w, &w->xd[k], 1e-6));
    check_norm(dx, "dx", number, 0);
    for (int i = 0; i < 8; i++) {
        int zero = i < 4 ? !learned(q) : !q->scale || (i == 4 && !q->batch);
        norm d = {0, 0};
        for (int k = parts[i].from; k < parts[i].to; k++)
            count(&d, w->dphi[k], ref_slope(loss, w, &w->phid[k], 1e-6));
        if (i == 6 && q->batch && s.n == 1) zero = 1;
        /* All that stands far enough from 0 to be told from the difference quotient's own rounding.
         */
        if (d.want < 1e-12)
            CHECK(zero && d.diff < 1e-12, "mode %d: %s: %.2e where it should be 0", number,
                  parts[i].name, sqrt(d.diff));
        else
            check_norm(d, parts[i].name, number, zero);
    }
    const struct {
        float *p;
        size_t n;
        const char *name;
    } bufs[] = {
        {w->x, w->n, "x"},
        {w->eps, w->n, "eps"},
        {w->probe, w->n, "dy"},
        {w->y, w->n, "y"},
        {w->dx, w->n, "dx"},
        {w->rm, w->c4, "mean"},
        {w->rv, w->c4, "variance"},
        {w->tape, perturb_tape_len(s), "tape"},
        {w->scratch, perturb_scratch_len(s, THREADS), "scratch"},
    };
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        check_guards(bufs[i].p, bufs[i].n, bufs[i].name, number);
    free(m);
    free(v);
    drop(w);
}

/* The same bits for 1, 2, 3 threads; and for every way of asking for less. */
static void same_bits(const mode *q, int number) {
    world *w = make(q, number), *o = make(q, number);
    size_t bytes = w->n * sizeof *w->y;
    omp_set_num_threads(1);
    forward(w);
    backward(w);
    for (int t = 2; t <= THREADS; t++) {
        omp_set_num_threads(t);
        forward(o);
        backward(o);
        CHECK(!memcmp(w->y, o->y, bytes), "mode %d: y differs with %d threads", number, t);
        CHECK(!memcmp(w->dx, o->dx, bytes), "mode %d: dx differs with %d threads", number, t);
        CHECK(!memcmp(w->dphi, o->dphi, sizeof w->dphi), "mode %d: dphi differs with %d threads",
              number, t);
        for (size_t k = 0; k < w->c4; k++) o->rm[k] = (float)o->rmd[k], o->rv[k] = (float)o->rvd[k];
    }
    omp_set_num_threads(2);
    perturb_forward(o->y, NULL, o->rm, o->rv, o->x, o->phi, &o->a, o->scratch);
    CHECK(!memcmp(w->y, o->y, bytes), "mode %d: y differs without a tape", number);
    perturb_backward(o->dx, 0, NULL, o->probe, o->tape, o->x, o->phi, &o->a, o->scratch);
    CHECK(!memcmp(w->dx, o->dx, bytes), "mode %d: dx differs where dphi is not wanted", number);
    memset(o->dphi, 0, sizeof o->dphi);
    perturb_backward(NULL, 1, o->dphi, o->probe, o->tape, o->x, o->phi, &o->a, o->scratch);
    CHECK(!memcmp(w->dphi, o->dphi, sizeof w->dphi), "mode %d: dphi differs where dx is not wanted",
          number);
    perturb_backward(o->dx, 1, o->dphi, o->probe, o->tape, o->x, o->phi, &o->a, o->scratch);
    norm twice = {0, 0}, twice_phi = twice;
    for (size_t k = 0; k < w->n; k++) count(&twice, (double)o->dx[k], 2 * (double)w->dx[k]);
    for (int k = 0; k < PHI_LEN; k++) count(&twice_phi, o->dphi[k], 2 * w->dphi[k]);
    check_norm(twice, "dx added to", number, 0);
    check_norm(twice_phi, "dphi added to", number, !learned(q) && !q->scale);
    /* Noise drawn inside is the documented row of the generator. */
    for (int r = 0; r < q->s.n * q->s.h; r++) {
        size_t row = (size_t)q->s.w * (size_t)q->s.c;
        rng_normal_row(w->eps + (size_t)r * row, row, w->a.key, (uint32_t)r);
    }
    o->a.eps = NULL;
    for (size_t k = 0; k < w->c4; k++)
        w->rm[k] = o->rm[k] = (float)w->rmd[k], w->rv[k] = o->rv[k] = (float)w->rvd[k];
    forward(w);
    forward(o);
    CHECK(!memcmp(w->y, o->y, bytes), "mode %d: noise drawn inside differs", number);
    backward(w);
    backward(o);
    CHECK(!memcmp(w->dx, o->dx, bytes), "mode %d: backward draws other noise", number);
    drop(w);
    drop(o);
}

/* Permuting the channels of everything permutes y and dx and leaves dphi alone. */
static void permuted(const mode *q, int number) {
    world *w = make(q, number), *o = make(q, number);
    int c = q->s.c;
    for (size_t p = 0; p < w->n / (size_t)c; p++)
        for (int i = 0; i < c; i++) {
            size_t from = p * (size_t)c + (size_t)i, to = p * (size_t)c + (size_t)((i * 5 + 3) % c);
            o->x[to] = w->x[from];
            o->eps[to] = w->eps[from];
            o->probe[to] = w->probe[from];
        }
    for (int i = 0; i < c; i++)
        for (int k = 0; k < 4; k++) {
            o->rm[(i * 5 + 3) % c * 4 + k] = w->rm[i * 4 + k];
            o->rv[(i * 5 + 3) % c * 4 + k] = w->rv[i * 4 + k];
        }
    forward(w);
    backward(w);
    forward(o);
    backward(o);
    norm y = {0, 0}, dx = y, dphi = y;
    for (size_t p = 0; p < w->n / (size_t)c; p++)
        for (int i = 0; i < c; i++) {
            size_t from = p * (size_t)c + (size_t)i, to = p * (size_t)c + (size_t)((i * 5 + 3) % c);
            count(&y, (double)o->y[to], (double)w->y[from]);
            count(&dx, (double)o->dx[to], (double)w->dx[from]);
        }
    for (int k = 0; k < PHI_LEN; k++) count(&dphi, o->dphi[k], w->dphi[k]);
    check_norm(y, "y, channels permuted", number, 0);
    check_norm(dx, "dx, channels permuted", number, 0);
    check_norm(dphi, "dphi, channels permuted", number, 0);
    drop(w);
    drop(o);
}

static void mean_of_noise(void) {
    double worst = 0, worst_slope = 0;
    float a[1001], z[1001], d[1001];
    for (int i = 0; i <= 1000; i++) a[i] = (float)i * 0.0437f - 22;
    rows_mean_softplus(z, d, a, 1001);
    for (int i = 0; i <= 1000; i++) {
        double at = (double)a[i], want = ref_mean_softplus(at, 1.0 / 16);
        double slope = (ref_mean_softplus(at + 1e-4, 1.0 / 16) -
                        ref_mean_softplus(at - 1e-4, 1.0 / 16)) /
                       2e-4;
        worst = fmax(worst, fabs((double)z[i] - want));
        worst_slope = fmax(worst_slope, fabs((double)d[i] - slope));
        CHECK(z[i] == perturb_mean_softplus(a[i]), "one by one at %f", at);
    }
    CHECK(worst < 1e-6, "E[softplus]: %.2e", worst);
    CHECK(worst_slope < 5e-6, "its derivative: %.2e", worst_slope);
    CHECK(isnan(perturb_mean_softplus(NAN)), "a NaN");
    CHECK(perturb_mean_softplus(1e30f) == 1e30f && perturb_mean_softplus(-1e30f) < 1e-30f,
          "far out");
    /* Deterministic inference against what it stands for: the average of many noisy passes. */
    mode q = {{1, 3, 3, 4}, PERTURB_NOISE_MEAN, 1, 0, 1, INFINITY};
    world *w = make(&q, 77);
    double sum[36] = {0};
    enum { DRAWS = 20000 };
    forward(w);
    float mean[36];
    memcpy(mean, w->y, sizeof mean);
    w->a.noise = PERTURB_NOISE_SAMPLE;
    w->a.eps = NULL;
    for (uint32_t i = 0; i < DRAWS; i++) {
        w->a.key = rng_key(5, RNG_TEST, i, 0);
        forward(w);
        for (int k = 0; k < 36; k++) sum[k] += (double)w->y[k] / DRAWS;
    }
    for (int k = 0; k < 36; k++) /* sd of z is below 1 */
        CHECK(fabs(sum[k] - (double)mean[k]) < 5 * fabs((double)w->x[k]) / sqrt(DRAWS),
              "element %d: mean %f, of samples %f", k, (double)mean[k], sum[k]);
    drop(w);
}

/* The mean over many draws of what is said to have mean 1, and the spread of one that is said to
 * have sd. */
static void mean_one(perturb_noise noise, int number) {
    enum { DRAWS = 20000 };
    mode q = {{1, 3, 3, 4}, noise, 0, 0, 1, INFINITY};
    world *w = make(&q, number);
    double sum[36] = {0}, square[36] = {0};
    w->a.slope = 1;
    w->a.eps = NULL;
    for (uint32_t i = 0; i < DRAWS; i++) {
        w->a.key = rng_key(6, RNG_TEST, i, 0);
        forward(w);
        for (int k = 0; k < 36; k++) {
            double z = (double)w->y[k] / (double)w->x[k];
            sum[k] += z / DRAWS;
            square[k] += z * z / DRAWS;
        }
    }
    for (int k = 0; k < 36; k++) {
        double sd = sqrt(square[k] - sum[k] * sum[k]);
        CHECK(fabs(sum[k] - 1) < 5 * sd / sqrt(DRAWS), "noise %d, element %d: mean multiplier %f",
              noise, k, sum[k]);
        if (noise == PERTURB_NOISE_GAUSS)
            CHECK(fabs(sd - 0.6) < 0.02, "element %d: sd %f, want 0.6", k, sd);
    }
    drop(w);
}

static void edges(void) {
    mode q = {{3, 5, 5, 7}, PERTURB_NOISE_SAMPLE, 1, 1, 0, INFINITY};
    world *w = make(&q, 78);
    forward(w);
    backward(w);
    CHECK(!memcmp(w->y, w->x, w->n * sizeof *w->y), "t = 0 must be the identity");
    CHECK(!memcmp(w->dx, w->probe, w->n * sizeof *w->dx), "and so must its gradient");
    w->a.t = 1;
    w->x[40] = NAN;
    forward(w);
    CHECK(isnan(w->y[40]), "a NaN in x must stay one in y, %f", (double)w->y[40]);
    drop(w);
    /* alpha near -15: z and its slope are tiny, but their relative precision decides phi's
     * gradient. */
    q = (mode){{2, 4, 4, 3}, PERTURB_NOISE_SAMPLE, 1, 1, 1, INFINITY};
    w = make(&q, 79);
    for (size_t k = 0; k < w->n; k++) w->eps[nhwc_at(q.s, k)] = (float)(w->epsd[k] = -12);
    forward(w);
    backward(w);
    norm d = {0, 0};
    for (int k = 0; k < PHI_K; k++) count(&d, w->dphi[k], ref_slope(loss, w, &w->phid[k], 1e-4));
    check_norm(d, "phi's gradient at tiny z", 79, 0);
    drop(w);
}

int main(void) {
    static const mode modes[] = {
        /* odd sizes; annealing with a clip that bites; one picture (v = 0); 1x1 maps */
        {{4, 5, 7, 3}, PERTURB_NOISE_SAMPLE, 1, 1, 1, 100},
        {{3, 6, 4, 17}, PERTURB_NOISE_SAMPLE, 1, 1, 0.35f, 0.8f},
        {{1, 5, 5, 4}, PERTURB_NOISE_SAMPLE, 1, 1, 1, 100},
        {{5, 1, 1, 6}, PERTURB_NOISE_SAMPLE, 1, 1, 1, 100},
        /* one column, one row; one channel; without scale */
        {{2, 9, 1, 5}, PERTURB_NOISE_SAMPLE, 1, 1, 1, 100},
        {{2, 1, 9, 5}, PERTURB_NOISE_SAMPLE, 1, 1, 1, 100},
        {{3, 4, 5, 1}, PERTURB_NOISE_SAMPLE, 1, 1, 1, 100},
        {{2, 7, 2, 5}, PERTURB_NOISE_SAMPLE, 0, 1, 0.9f, 1},
        /* the other noises, running statistics */
        {{3, 4, 4, 5}, PERTURB_NOISE_NONE, 1, 1, 0.6f, 100},
        {{3, 3, 4, 2}, PERTURB_NOISE_NONE, 1, 0, 0.6f, 1},
        {{2, 3, 3, 2}, PERTURB_NOISE_MEAN, 1, 0, 1, 100},
        {{2, 3, 2, 3}, PERTURB_NOISE_MEAN, 1, 1, 0.8f, 0.7f},
        {{2, 3, 2, 2}, PERTURB_NOISE_MEAN, 0, 1, 1, 100},
        {{2, 5, 6, 4}, PERTURB_NOISE_SAMPLE, 1, 0, 1, 1},
        {{3, 3, 3, 3}, PERTURB_NOISE_NONE, 0, 1, 0.5f, 0.6f},
        /* whole vectors of channels and what lies beside them; pictures in several bands, down to
           the narrowest */
        {{2, 3, 5, 16}, PERTURB_NOISE_SAMPLE, 1, 1, 1, 0.9f},
        {{2, 3, 3, 32}, PERTURB_NOISE_SAMPLE, 1, 1, 0.5f, 0.5f},
        {{2, 2, 3, 48}, PERTURB_NOISE_SAMPLE, 1, 1, 1, 100},
        {{2, 3, 2, 33}, PERTURB_NOISE_SAMPLE, 1, 1, 1, 100},
        {{1, 33, 3, 3}, PERTURB_NOISE_SAMPLE, 1, 1, 1, 1},
        {{2, 17, 2, 16}, PERTURB_NOISE_SAMPLE, 1, 1, 0.7f, 1},
        {{35, 3, 2, 2}, PERTURB_NOISE_SAMPLE, 1, 1, 1, 1},
        {{2, 2, 19, 16}, PERTURB_NOISE_SAMPLE, 1, 0, 1, 100},
        /* the noise alone, the gain alone, Gaussian dropout; with several bands, so that rows are
           drawn again beyond their edges */
        {{2, 3, 4, 3}, PERTURB_NOISE_UNIT, 1, 1, 1, 100},
        {{2, 17, 2, 16}, PERTURB_NOISE_UNIT, 0, 1, 0.7f, 1},
        {{1, 19, 2, 5}, PERTURB_NOISE_UNIT, 1, 0, 0.8f, 0.9f},
        {{3, 3, 4, 5}, PERTURB_NOISE_MEAN, 1, 1, 0.5f, 100},
        {{2, 4, 5, 3}, PERTURB_NOISE_GAUSS, 0, 1, 0.7f, 100},
        {{2, 17, 2, 16}, PERTURB_NOISE_GAUSS, 1, 1, 1, 1},
    };
    omp_set_num_threads(2);
    for (int i = 0; i < (int)(sizeof modes / sizeof *modes); i++) {
        against_reference(&modes[i], i);
        same_bits(&modes[i], i);
    }
    permuted(&modes[1], 1);
    permuted(&modes[15], 15);
    mean_of_noise();
    mean_one(PERTURB_NOISE_UNIT, 80);
    mean_one(PERTURB_NOISE_GAUSS, 81);
    edges();
    return t_done("test_perturb");
}
