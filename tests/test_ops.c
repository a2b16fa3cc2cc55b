/* test_ops.c - random numbers against published vectors, Adam and SGD against values worked out by hand, figures of merit, the
 * vectorised functions against double, and the perturbation's gradients against central differences for odd shapes and modes. */
#include "layout.h"
#include "ref.h"
#include "test.h"
#include "ops/metrics.h"
#include "ops/optim.h"
#include "ops/vecmath.h"
#include <omp.h>

static void random_numbers(void) {
    /* Known answers of Random123's Threefry-2x32, 13 rounds. */
    static const uint32_t known[3][6] = {
        {0, 0, 0, 0, 0x9d1c5ec6, 0x8bd50731}, {~0u, ~0u, ~0u, ~0u, 0xfd36d048, 0x2d17272c},
        {0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3, 0xba3e4725, 0xf27d669e},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t out[2];
        rng_threefry(out, (rng_key_t){known[i][0], known[i][1]}, known[i][2], known[i][3]);
        CHECK(out[0] == known[i][4] && out[1] == known[i][5], "vector %d: %08x %08x", i, out[0], out[1]);
    }
    enum { N = 200001 };
    float *v = malloc(N * sizeof *v);
    double m1 = 0, m2 = 0, m4 = 0;
    rng_normal_row(v, N, rng_key(1, RNG_TEST, 2, 3), 4);
    for (int i = 0; i < N; i++) {
        double x = (double)v[i];
        m1 += x / N;
        m2 += x * x / N;
        m4 += x * x * x * x / N;
    }
    CHECK(fabs(m1) < 0.01 && fabs(m2 - 1) < 0.015 && fabs(m4 - 3) < 0.1, "moments %f %f %f", m1, m2, m4);
    rng_stream s = rng_open(rng_key(1, RNG_TEST, 0, 0));
    int seen[7] = {0};
    for (int i = 0; i < 7000; i++) seen[rng_below(&s, 7)]++;
    for (int i = 0; i < 7; i++) CHECK(seen[i] > 850 && seen[i] < 1150, "%d of 7: %d times", i, seen[i]);
    free(v);
}

static void functions(void) {
    double worst_exp = 0, worst_log = 0, worst_soft = 0, worst_turn = 0, worst_mean = 0;
    for (int i = 0; i <= 200000; i++) {
        double u = i / 200000.0, x = 174 * u - 87, p = u * 0.999999 + 5e-7, a = 160 * u - 80;
        float s, c;
        worst_exp = fmax(worst_exp, fabs((double)vec_exp((float)x) / exp((double)(float)x) - 1));
        worst_log = fmax(worst_log, fabs((double)vec_log((float)p) - log((double)(float)p)) / fmax(fabs(log((double)(float)p)), 1e-3));
        double soft = (double)(float)a > 0 ? (double)(float)a + log1p(exp(-(double)(float)a)) : log1p(exp((double)(float)a));
        worst_soft = fmax(worst_soft, fabs((double)vec_softplus((float)a) / soft - 1));
        vec_turn((float)p, &s, &c);
        worst_turn = fmax(worst_turn, fmax(fabs((double)s - sin(6.283185307179586 * (double)(float)p)),
                                           fabs((double)c - cos(6.283185307179586 * (double)(float)p))));
    }
    CHECK(worst_exp <= 3e-7, "exp: %.2e", worst_exp);
    CHECK(worst_log <= 3e-7, "log: %.2e", worst_log);
    CHECK(worst_soft <= 4e-7, "softplus: %.2e", worst_soft);
    CHECK(worst_turn <= 3e-7, "sine, cosine: %.2e", worst_turn);
    for (double a = -20; a < 20; a += 0.37)
        worst_mean = fmax(worst_mean, fabs((double)perturb_mean_softplus((float)a) - ref_mean_softplus((double)(float)a)));
    CHECK(worst_mean <= 2e-6, "E[softplus]: %.2e", worst_mean);
    CHECK(fabs((double)perturb_mean_softplus(0) - 0.80606) < 1e-5, "at 0: %f", (double)perturb_mean_softplus(0));
}

static void optimizers(void) {
    /* One weight of 1, gradients 2, then -1, decay 0.5, by hand: step 1: g = 2.5, m/(1-b1) = 2.5, v/(1-b2) = 6.25: w = 1 - 0.1.
     * step 2: g = -1 + 0.45 = -0.55; m = .9*.25 - .055 = 0.17; v = .999*.00625 + .001*.3025 = 0.00654625;
     * w = 0.9 - 0.1 * (0.17/0.19) / sqrt(0.00654625/0.001999) = 0.8505577... */
    float w = 1, m = 0, v = 0, u = -2 * 4;      /* minus the gradient, summed over a batch of 4 */
    adam_step(&w, &u, &m, &v, 1, &(adam_args){0.1f, 0.9f, 0.999f, 1e-8f, 0.5f, 1}, 4);
    CHECK(fabs((double)w - 0.9) < 1e-6 && u == 0, "step 1: %.8f", (double)w);
    u = 4;
    adam_step(&w, &u, &m, &v, 1, &(adam_args){0.1f, 0.9f, 0.999f, 1e-8f, 0.5f, 2}, 4);
    double want = 0.9 - 0.1 * (0.17 / 0.19) / sqrt(0.00654625 / 0.001999);
    CHECK(fabs((double)w - want) < 1e-5, "step 2: %.8f, by hand %.8f", (double)w, want);
    /* Darknet's SGD: update 8 - 0.5*4*1 = 6, w = 1 + 0.1/4*6 = 1.15, update kept 0.9*6 */
    float sw = 1, su = 8;
    sgd_step(&sw, &su, 1, 0.1f, 0.9f, 0.5f, 4);
    CHECK(fabs((double)sw - 1.15) < 1e-6 && fabs((double)su - 5.4) < 1e-6, "SGD: %f %f", (double)sw, (double)su);
}

static void figures(void) {
    metrics m = {0};
    const float p[3][3] = {{0.7f, 0.2f, 0.1f}, {0.1f, 0.5f, 0.4f}, {0.6f, 0.3f, 0.1f}};
    const int truth[3] = {0, 2, 2};
    for (int i = 0; i < 3; i++) metrics_add(&m, p[i], 3, truth[i], 2);
    CHECK(m.images == 3 && m.top1 == 1 && m.topk == 2, "%zu %zu %zu", m.images, m.top1, m.topk);
    CHECK(fabs(m.nll_sum + log(0.7) + log(0.4) + log(0.1)) < 1e-6, "NLL %f", m.nll_sum);
    CHECK(fabs(metrics_ece(&m) - (0.3 + 0.5 + 0.6) / 3) < 1e-6, "ECE %f", metrics_ece(&m));    /* three bins, one image each */
}

typedef struct { shape4 s; int noise, scale, batch; double t, clip; } mode;

static double loss_of(const double *x, const double *phi, const double *probe, const ref_perturb_args *a, double *out, size_t n) {
    double sum = 0;
    ref_perturb(out, x, phi, a, NULL, NULL);
    for (size_t i = 0; i < n; i++) sum += probe[i] * out[i];
    return sum;
}

static void gradients(const mode *q, int number) {
    shape4 s = q->s;
    size_t n = shape_len(s), c4 = 4 * (size_t)s.c;
    rng_stream r = rng_open(rng_key(3, RNG_TEST, (uint64_t)number, 1));
    double *d[6];
    float *f[6], phi[PHI_LEN], rm[256], rv[256];
    double phid[PHI_LEN], rmd[256], rvd[256], dphi[PHI_LEN] = {0};
    for (int i = 0; i < 6; i++) d[i] = calloc(n, sizeof *d[i]), f[i] = calloc(n, sizeof *f[i]);
    for (int i = 0; i < 3; i++) for (size_t k = 0; k < n; k++) {    /* x, eps, probe */
        float v = rng_normal(&r);
        d[i][k] = (double)v;
        f[i][nhwc_at(s, k)] = v;
    }
    for (int k = 0; k < PHI_LEN; k++) phid[k] = (double)(phi[k] = 0.4f * rng_normal(&r));
    for (size_t k = 0; k < c4; k++) {
        rmd[k] = (double)(rm[k] = rng_normal(&r));
        rvd[k] = (double)(rv[k] = 0.5f + rng_uniform(&r, 0, 1));
    }
    perturb_args a = {.s = s, .c_feature = 0.7f, .h_feature = 0.3f, .t = (float)q->t, .clip = (float)q->clip,
                      .noise = (perturb_noise)q->noise, .scale = q->scale, .batch_stats = q->batch, .momentum = 0.1f, .eps = f[1]};
    ref_perturb_args ra = {s.n, s.c, s.h, s.w, (double)a.t, (double)a.clip, (double)a.c_feature, (double)a.h_feature, q->noise,
                           q->scale, q->batch, d[1], rmd, rvd};
    float *tape = malloc(perturb_tape_len(s) * sizeof *tape), *scratch = malloc(perturb_scratch_len(s, 2) * sizeof *scratch);
    perturb_forward(f[3], tape, rm, rv, f[0], phi, &a, scratch);
    perturb_backward(f[4], 0, dphi, f[2], tape, f[0], phi, &a, scratch);
    loss_of(d[0], phid, d[2], &ra, d[3], n);
    to_nchw(f[5], f[3], s);
    double e = t_rel(f[5], d[3], n);
    CHECK(e <= 1e-5, "mode %d: out %.2e", number, e);
    double d2 = 0, w2 = 0, h = 1e-6;
    for (size_t k = 0; k < n; k += 1 + n / 60) {
        double old = d[0][k], up;
        d[0][k] = old + h;
        up = loss_of(d[0], phid, d[2], &ra, d[5], n);
        d[0][k] = old - h;
        double want = (up - loss_of(d[0], phid, d[2], &ra, d[5], n)) / (2 * h);
        d[0][k] = old;
        d2 += pow((double)f[4][nhwc_at(s, k)] - want, 2);
        w2 += want * want;
    }
    CHECK(w2 > 0 && sqrt(d2 / w2) <= 1e-5, "mode %d: dx %.2e", number, sqrt(d2 / w2));
    d2 = w2 = 0;
    for (int k = 0; k < PHI_LEN; k++) {
        double old = phid[k], up;
        phid[k] = old + h;
        up = loss_of(d[0], phid, d[2], &ra, d[5], n);
        phid[k] = old - h;
        double want = (up - loss_of(d[0], phid, d[2], &ra, d[5], n)) / (2 * h);
        phid[k] = old;
        d2 += pow(dphi[k] - want, 2);
        w2 += want * want;
    }
    CHECK(w2 > 0 && sqrt(d2 / w2) <= 1e-5, "mode %d: dphi %.2e", number, sqrt(d2 / w2));
    /* Twice the same is bitwise the same; adding doubles. */
    memcpy(f[5], f[4], n * sizeof *f[5]);
    perturb_backward(f[4], 1, NULL, f[2], tape, f[0], phi, &a, scratch);
    double worst = 0;
    for (size_t k = 0; k < n; k++) worst = fmax(worst, fabs((double)f[4][k] - 2 * (double)f[5][k]) / (1 + fabs((double)f[5][k])));
    CHECK(worst < 1e-5, "mode %d: adding to dx: %.2e", number, worst);
    for (int i = 0; i < 6; i++) {
        free(d[i]);
        free(f[i]);
    }
    free(tape);
    free(scratch);
}

int main(void) {
    static const mode modes[] = {
        {{4, 5, 7, 3}, PERTURB_NOISE_SAMPLE, 1, 1, 1, 100}, {{3, 6, 4, 17}, PERTURB_NOISE_SAMPLE, 1, 1, 0.35, 0.8},
        {{1, 5, 5, 4}, PERTURB_NOISE_SAMPLE, 1, 1, 1, 100}, {{5, 1, 1, 6}, PERTURB_NOISE_SAMPLE, 1, 1, 1, 100},
        {{2, 1, 9, 1}, PERTURB_NOISE_SAMPLE, 1, 0, 1, 1e30}, {{2, 7, 1, 5}, PERTURB_NOISE_SAMPLE, 0, 1, 0.9, 1},
        {{3, 4, 4, 5}, PERTURB_NOISE_NONE, 1, 1, 0.6, 100}, {{2, 3, 3, 2}, PERTURB_NOISE_MEAN, 1, 0, 1, 100},
        {{2, 3, 3, 33}, PERTURB_NOISE_SAMPLE, 1, 1, 0.5, 0.5},
    };
    omp_set_num_threads(2);
    random_numbers();
    functions();
    optimizers();
    figures();
    for (int i = 0; i < (int)(sizeof modes / sizeof *modes); i++) gradients(&modes[i], i);
    return t_done("test_ops");
}
