/* test_squeeze.c - one backward step of strided 1x1 windows, again and again on AVX2: every time
 * the same bits, on each thread count. oneDNN's own kernel of such windows wrote over its
 * neighbour's room where there are fewer than 8 channels (2.6: 1 % of the steps; 3.7: 0.4 % on a
 * busy machine). */
#include "engine/engine.h"
#include "nodes.h"
#include "ops/rng.h"
#include "test.h"
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

enum { BATCH = 5, SIDE = 6, MOST = 16 * 16, TIMES = 3000 };

static float weights[MOST], updates[MOST], biases[16], bias_updates[16];

static engine *one_node(int channels, int filters, int stride_x) {
    char err[256];
    engine *e = engine_new();
    engine_op op = {.filters = filters,
                    .size = 1,
                    .stride = 2,
                    .stride_x = stride_x,
                    .groups = 1,
                    .activation = ACT_LINEAR,
                    .p = {.weights = weights,
                          .weight_updates = updates,
                          .biases = biases,
                          .bias_updates = bias_updates}};
    add_conv(e, add_input(e, SIDE, SIDE, channels), &op);
    int bad = engine_plan(e, BATCH, SIDE, SIDE, 1, err, sizeof err);
    CHECK(!bad, "%s", err);
    if (bad) exit(t_done("test_squeeze"));
    return e;
}

static void step(engine *e, const float *x, const float *delta) {
    engine_mode m = {.keep = 1, .bn_batch = 1, .theta_grads = 1};
    memset(updates, 0, sizeof updates);
    memset(bias_updates, 0, sizeof bias_updates);
    engine_changed(e, updates);
    engine_changed(e, bias_updates);
    engine_import(e, 0, x);
    engine_begin(e);
    engine_forward(e, 1, &m);
    engine_import_delta(e, 1, delta);
    engine_backward(e, 1, &m);
    engine_read(e, updates);
}

static void test_same(int channels, int filters, int stride_x) {
    static float x[BATCH * 16 * SIDE * SIDE], delta[BATCH * 16 * SIDE * SIDE], first[MOST];
    rng_stream r = rng_open(rng_key(7, RNG_TEST, 0, 0));
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) x[i] = rng_normal(&r);
    for (size_t i = 0; i < sizeof delta / sizeof *delta; i++) delta[i] = rng_normal(&r);
    for (int i = 0; i < MOST; i++) weights[i] = rng_normal(&r);
    engine *e = one_node(channels, filters, stride_x);
    int other = 0;
    double size = 0;
    for (int k = 0; k < TIMES; k++) {
        step(e, x, delta);
        if (k == 0) memcpy(first, updates, sizeof first);
        other += memcmp(first, updates, sizeof first) != 0;
    }
    for (int i = 0; i < channels * filters; i++) size += (double)first[i] * (double)first[i];
    CHECK(size > 0, "%d to %d channels: the gradient is zero", channels, filters);
    CHECK(other == 0, "%d to %d channels, %d thread(s): %d of %d gradients differ from the first",
          channels, filters, omp_get_max_threads(), other, TIMES);
    engine_free(e);
}

/* Where the sizes of the caches are hidden, oneDNN 3 divides by 0 above AVX: dnnl_util.c. */
static int caches_are_hidden(void) {
#ifdef __x86_64__
    unsigned a = 0, b, c, d, amd = 0;
    if (!__get_cpuid_count(4, 0, &a, &b, &c, &d)) a = 0;
    if (!__get_cpuid_count(0x8000001d, 0, &amd, &b, &c, &d)) amd = 0;
    return !(a & 31) && !(amd & 31);
#else
    return 1;
#endif
}

int main(void) {
    if (!caches_are_hidden()) setenv("DNNL_MAX_CPU_ISA", "AVX2", 0);
    for (int threads = 1; threads <= 2; threads++) {
        omp_set_num_threads(threads);
        test_same(6, 3, 0);
        test_same(3, 8, 0);
        test_same(6, 8, 1);
        test_same(16, 16, 0);
    }
    return t_done("test_squeeze");
}
