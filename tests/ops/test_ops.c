/* test_ops.c - random numbers against published vectors, Adam and SGD against values worked out by
 * hand, figures of merit, and the vectorised functions against double. */
#include "ref.h"
#include "test.h"
#include "ops/metrics.h"
#include "ops/optim.h"
#include "ops/vecmath.h"

static void random_numbers(void) {
    /* Known answers of Random123's Threefry-2x32, 13 rounds. */
    static const uint32_t known[3][6] = {
        {0, 0, 0, 0, 0x9d1c5ec6, 0x8bd50731},
        {~0u, ~0u, ~0u, ~0u, 0xfd36d048, 0x2d17272c},
        {0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3, 0xba3e4725, 0xf27d669e},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t out[2];
        rng_threefry(out, (rng_key_t){known[i][0], known[i][1]}, known[i][2], known[i][3]);
        CHECK(out[0] == known[i][4] && out[1] == known[i][5], "vector %d: %08x %08x", i, out[0],
              out[1]);
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
    CHECK(fabs(m1) < 0.01 && fabs(m2 - 1) < 0.015 && fabs(m4 - 3) < 0.1, "moments %f %f %f", m1, m2,
          m4);
    rng_stream s = rng_open(rng_key(1, RNG_TEST, 0, 0));
    int seen[7] = {0};
    for (int i = 0; i < 7000; i++) seen[rng_below(&s, 7)]++;
    for (int i = 0; i < 7; i++)
        CHECK(seen[i] > 850 && seen[i] < 1150, "%d of 7: %d times", i, seen[i]);
    free(v);
}

static void functions(void) {
    double worst_exp = 0, worst_expm1 = 0, worst_log = 0, worst_soft = 0, worst_turn = 0,
           worst_mean = 0;
    for (int i = 0; i <= 200000; i++) {
        double u = i / 200000.0, x = 174 * u - 87, p = u * 0.999999 + 5e-7, a = 160 * u - 80;
        float s, c;
        worst_exp = fmax(worst_exp, fabs((double)vec_exp((float)x) / exp((double)(float)x) - 1));
        if (x < 0)
            worst_expm1 = fmax(worst_expm1,
                               fabs((double)vec_expm1((float)x) / expm1((double)(float)x) - 1));
        worst_log = fmax(worst_log, fabs((double)vec_log((float)p) - log((double)(float)p)) /
                                        fmax(fabs(log((double)(float)p)), 1e-3));
        double soft = (double)(float)a > 0 ? (double)(float)a + log1p(exp(-(double)(float)a))
                                           : log1p(exp((double)(float)a));
        worst_soft = fmax(worst_soft, fabs((double)vec_softplus((float)a) / soft - 1));
        vec_turn((float)p, &s, &c);
        worst_turn = fmax(worst_turn,
                          fmax(fabs((double)s - sin(6.283185307179586 * (double)(float)p)),
                               fabs((double)c - cos(6.283185307179586 * (double)(float)p))));
    }
    CHECK(worst_exp <= 3e-7, "exp: %.2e", worst_exp);
    CHECK(worst_expm1 <= 4e-7, "expm1: %.2e", worst_expm1);
    CHECK(worst_log <= 3e-7, "log: %.2e", worst_log);
    CHECK(worst_soft <= 4e-7, "softplus: %.2e", worst_soft);
    CHECK(worst_turn <= 3e-7, "sine, cosine: %.2e", worst_turn);
    for (double a = -20; a < 20; a += 0.37) {
        double want = ref_mean_softplus((double)(float)a, 1.0 / 16),
               fine = ref_mean_softplus((double)(float)a, 1.0 / 64);
        worst_mean = fmax(worst_mean, fabs((double)perturb_mean_softplus((float)a) - want));
        CHECK(fabs(want - fine) <= 1e-13 * fmax(1, fine), "the reference's own step at %f: %.2e", a,
              want - fine);
    }
    CHECK(worst_mean <= 2e-6, "E[softplus]: %.2e", worst_mean);
    CHECK(fabs((double)perturb_mean_softplus(0) - 0.80606) < 1e-5, "at 0: %f",
          (double)perturb_mean_softplus(0));
}

static void optimizers(void) {
    /* One weight of 1, gradients 2, then -1, decay 0.5, by hand: step 1: g = 2.5, m/(1-b1) = 2.5,
     * v/(1-b2) = 6.25: w = 1 - 0.1. step 2: g = -1 + 0.45 = -0.55; m = .9*.25 - .055 = 0.17; v =
     * .999*.00625 + .001*.3025 = 0.00654625; w = 0.9 - 0.1 * (0.17/0.19) /
     * sqrt(0.00654625/0.001999) = 0.8505577... */
    float w = 1, m = 0, v = 0, u = -2 * 4; /* minus the gradient, summed over a batch of 4 */
    adam_step(&w, &u, &m, &v, 1, &(adam_args){0.1f, 0.9f, 0.999f, 1e-8f, 0.5f, 1}, 4);
    CHECK(fabs((double)w - 0.9) < 1e-6 && u == 0, "step 1: %.8f", (double)w);
    u = 4;
    adam_step(&w, &u, &m, &v, 1, &(adam_args){0.1f, 0.9f, 0.999f, 1e-8f, 0.5f, 2}, 4);
    double want = 0.9 - 0.1 * (0.17 / 0.19) / sqrt(0.00654625 / 0.001999);
    CHECK(fabs((double)w - want) < 1e-5, "step 2: %.8f, by hand %.8f", (double)w, want);
    /* Darknet's SGD: update 8 - 0.5*4*1 = 6, w = 1 + 0.1/4*6 = 1.15, update kept 0.9*6 */
    float sw = 1, su = 8;
    sgd_step(&sw, &su, 1, &(sgd_args){0.1f, 0.9f, 0.5f}, 4);
    CHECK(fabs((double)sw - 1.15) < 1e-6 && fabs((double)su - 5.4) < 1e-6, "SGD: %f %f", (double)sw,
          (double)su);
}

static void figures(void) {
    metrics m = {0};
    const float p[3][3] = {{0.7f, 0.2f, 0.1f}, {0.1f, 0.5f, 0.4f}, {0.6f, 0.3f, 0.1f}};
    const int truth[3] = {0, 2, 2};
    for (int i = 0; i < 3; i++) metrics_add(&m, p[i], 3, truth[i], 2);
    CHECK(m.images == 3 && m.top1 == 1 && m.topk == 2, "%zu %zu %zu", m.images, m.top1, m.topk);
    CHECK(fabs(m.nll_sum + log(0.7) + log(0.4) + log(0.1)) < 1e-6, "NLL %f", m.nll_sum);
    CHECK(fabs(metrics_ece(&m) - (0.3 + 0.5 + 0.6) / 3) < 1e-6, "ECE %f",
          metrics_ece(&m)); /* three bins, one image each */
    const double by_hand[METRICS] = {1.0 / 3, -(log(0.7) + log(0.4) + log(0.1)) / 3, 1.4 / 3};
    for (int k = 0; k < METRICS; k++) {
        double value = metric_rows[k].value(&m);
        CHECK(fabs(value - by_hand[k]) < 1e-6, "%s: %f", metric_rows[k].label, value);
    }
    CHECK(fabs(metric_shown(METRIC_TOP1, by_hand[0]) - 100.0 / 3) < 1e-9 &&
              fabs(metric_shown(METRIC_NLL, 0.9) - 0.9) < 1e-9 &&
              metric_rows[METRIC_TOP1].better == 1 && metric_rows[METRIC_NLL].better == -1 &&
              metric_rows[METRIC_ECE].better == -1,
          "how the rows are read");
}

int main(void) {
    random_numbers();
    functions();
    optimizers();
    figures();
    return t_done("test_ops");
}
