/* test_bf16.c - products of inputs rounded to bfloat16, against double loops. Where every input has
 * few enough digits nothing is rounded, and the results are float32's; where they have more, the
 * error is that of 8 bits. Skipped where the processor has no such instructions. */
#include "engine/cpu/cpu.h"
#include "engine/cpu/dnnl_util.h"
#include "nodes.h"
#include "ops/rng.h"
#include "test.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    int channels, side, filters, size, stride, pad, groups, connected, rounded;
} problem;

static const problem problems[] = {
    {"3x3", 16, 9, 32, 3, 1, 1, 1, 0, 1},
    {"3x3, channels that fill no block", 19, 7, 21, 3, 2, 1, 1, 0, 1},
    {"1x1", 40, 6, 18, 1, 1, 0, 1, 0, 1},
    {"1x1, stride 2", 24, 6, 17, 1, 2, 0, 1, 0, 1},
    {"two groups", 32, 5, 48, 3, 1, 1, 2, 0, 1},
    {"connected, of a map", 16, 4, 20, 4, 1, 0, 1, 1, 1},
    {"connected", 37, 1, 64, 1, 1, 0, 1, 1, 1},
    {"few channels: float32", 3, 9, 16, 3, 1, 1, 1, 0, 0},
    {"depthwise: float32", 32, 6, 32, 3, 1, 1, 32, 0, 0},
};
enum { BATCH = 3 };

typedef struct {
    size_t nx, ny, nw;
    float *x, *dy, *w, *dw, *b, *db, *dx;
    double *y, *want_dw, *want_dx;
} data;

/* eighths from -1 to 1, or any values */
static float *values(rng_stream *r, size_t n, int exact) {
    float *p = malloc(n * sizeof *p);
    for (size_t i = 0; i < n; i++)
        p[i] = exact ? (float)((int)rng_below(r, 17) - 8) / 8 : rng_uniform(r, -1, 1);
    return p;
}

static int out_side(const problem *p) { return (p->side + 2 * p->pad - p->size) / p->stride + 1; }

static void reference(const problem *p, data *d) {
    int o = out_side(p), in = p->channels / p->groups, out = p->filters / p->groups;
    memset(d->y, 0, d->ny * sizeof *d->y);
    memset(d->want_dw, 0, d->nw * sizeof *d->want_dw);
    memset(d->want_dx, 0, d->nx * sizeof *d->want_dx);
#define EACH(i, n) for (int i = 0; i < (n); i++)
    EACH(n, BATCH)
    EACH(f, p->filters) EACH(v, o) EACH(u, o) EACH(c, in) EACH(i, p->size) EACH(j, p->size) {
        int row = v * p->stride - p->pad + i, column = u * p->stride - p->pad + j;
        if (row < 0 || column < 0 || row >= p->side || column >= p->side) continue;
        int x = ((n * p->channels + f / out * in + c) * p->side + row) * p->side + column;
        int y = ((n * p->filters + f) * o + v) * o + u;
        int w = ((f * in + c) * p->size + i) * p->size + j;
        d->y[y] += (double)d->x[x] * (double)d->w[w];
        d->want_dw[w] += (double)d->x[x] * (double)d->dy[y];
        d->want_dx[x] += (double)d->w[w] * (double)d->dy[y];
    }
}

static double error(const float *got, const double *want, size_t n) {
    double d = 0, s = 0;
    for (size_t i = 0; i < n; i++) {
        d += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        s += want[i] * want[i];
    }
    return s > 0 ? sqrt(d / s) : 1;
}

static void run(const problem *p, data *d, float *y) {
    char err[256];
    engine_mode m = {.keep = 1, .theta_grads = 1};
    engine *e = engine_new();
    engine_op op = {
        .filters = p->filters,
        .size = p->size,
        .stride = p->stride,
        .pad = p->pad,
        .groups = p->groups,
        .activation = ACT_LINEAR,
        .p = {.weights = d->w, .biases = d->b, .weight_updates = d->dw, .bias_updates = d->db}};
    int at = add_input(e, p->side, p->side, p->channels);
    int node = p->connected ? add_connected(e, at, p->filters, 0, ACT_LINEAR, &op.p)
                            : add_conv(e, at, &op);
    engine_wants_input_delta(e, 1);
    if (engine_plan(e, BATCH, p->side, p->side, 1, err, sizeof err)) engine_die("%s", err);
    engine_begin(e);
    engine_import(e, 0, d->x);
    engine_forward(e, node, &m);
    engine_export(e, node, y);
    engine_import_delta(e, node, d->dy);
    engine_backward(e, node, &m);
    engine_read(e, d->dw);
    engine_export_delta(e, 0, d->dx, 0);
    engine_free(e);
}

static void test_problem(const problem *p, int exact) {
    rng_stream r = rng_open(rng_key(11, RNG_TEST, (uint64_t)(p - problems), (uint64_t)exact));
    size_t o = (size_t)out_side(p), side = (size_t)p->side, size = (size_t)p->size;
    data d = {.nx = BATCH * (size_t)p->channels * side * side,
              .ny = BATCH * (size_t)p->filters * o * o,
              .nw = (size_t)(p->filters * (p->channels / p->groups)) * size * size};
    d.x = values(&r, d.nx, exact), d.dy = values(&r, d.ny, exact), d.w = values(&r, d.nw, exact);
    d.dw = calloc(d.nw, sizeof *d.dw), d.dx = calloc(d.nx, sizeof *d.dx);
    d.b = calloc((size_t)p->filters, sizeof *d.b), d.db = calloc((size_t)p->filters, sizeof *d.db);
    d.y = malloc(d.ny * sizeof *d.y), d.want_dw = malloc(d.nw * sizeof *d.want_dw);
    d.want_dx = malloc(d.nx * sizeof *d.want_dx);
    float *y = malloc(d.ny * sizeof *y);
    reference(p, &d);
    run(p, &d, y);
    double e[] = {error(y, d.y, d.ny), error(d.dw, d.want_dw, d.nw), error(d.dx, d.want_dx, d.nx)};
    const char *what[] = {"output", "weights' gradient", "input's gradient"};
    for (int k = 0; k < 3; k++)
        if (exact || !p->rounded)
            CHECK(e[k] < 1e-6, "%s, nothing to round: %s: relative error %.1e", p->name, what[k],
                  e[k]);
        else
            CHECK(e[k] > 5e-4 && e[k] < 5e-3, "%s: %s: relative error %.1e, of 8 bits: 2e-3",
                  p->name, what[k], e[k]);
    float *f[] = {d.x, d.dy, d.w, d.dw, d.dx, d.b, d.db, y};
    for (size_t k = 0; k < sizeof f / sizeof *f; k++) free(f[k]);
    free(d.y), free(d.want_dw), free(d.want_dx);
}

static void test_rounding(void) {
    static const struct {
        uint32_t bits;
        uint16_t want;
    } rows[] = {
        {0x3f800000, 0x3f80}, /* 1 */
        {0x3f808000, 0x3f80}, /* a half: to the even one below */
        {0x3f818000, 0x3f82}, /* a half: to the even one above */
        {0x3f808001, 0x3f81}, {0xbf807fff, 0xbf80}, {0x00000000, 0},
        {0x80000000, 0x8000}, {0x7f7fffff, 0x7f80},                       /* too large: infinite */
        {0x7f800000, 0x7f80}, {0xff800000, 0xff80}, {0x7f800001, 0x7fc0}, /* NaN stays one */
        {0xffc12345, 0xffc1},
    };
    enum { N = sizeof rows / sizeof *rows };
    float x[N];
    uint16_t y[N];
    for (int i = 0; i < N; i++) memcpy(x + i, &rows[i].bits, sizeof *x);
    engine_cpu_to_bf16(y, x, N);
    for (int i = 0; i < N; i++)
        CHECK(y[i] == rows[i].want, "%08x becomes %04x, not %04x", (unsigned)rows[i].bits,
              (unsigned)y[i], (unsigned)rows[i].want);
}

int main(void) {
    test_rounding();
    (void)engine_dnn_engine();
    if ((dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) !=
        dnnl_cpu_isa_avx512_core_bf16) {
        SKIP("this processor has no instructions for bfloat16: rounding alone was looked at");
        return t_done("test_bf16");
    }
    setenv("METAPERTURB_BF16", "1", 1);
    for (size_t k = 0; k < sizeof problems / sizeof *problems; k++) {
        test_problem(problems + k, 1);
        test_problem(problems + k, 0);
    }
    return t_done("test_bf16");
}
