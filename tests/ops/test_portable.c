/* test_portable.c - src/ops as it runs here against the same source compiled without vectors
 * (Makefile: portable.o): to 1e-5. Random numbers are the same integers on both sides, so noise
 * differs by rounding alone. */
#include "ops/activation.h"
#include "ops/optim.h"
#include "ops/perturb.h"
#include "ops/yolo_loss.h"
#include "sides.h"
#include <omp.h>

__typeof__(perturb_forward) portable_perturb_forward;
__typeof__(perturb_backward) portable_perturb_backward;
__typeof__(rng_normal_row) portable_rng_normal_row;
__typeof__(rng_uniform_row) portable_rng_uniform_row;
__typeof__(adam_step) portable_adam_step;
__typeof__(act_forward) portable_act_forward;
__typeof__(act_backward) portable_act_backward;
__typeof__(act_channels_forward) portable_act_channels_forward;
__typeof__(act_channels_backward) portable_act_channels_backward;
__typeof__(yolo_output) portable_yolo_output;
__typeof__(yolo_loss) portable_yolo_loss;

typedef struct {
    float *y, *dx, *tape, rm[4 * 96], rv[4 * 96];
    double dphi[PHI_LEN];
} sides;

static sides run(int portable, const perturb_args *a, const float *x, const float *dy,
                 const float *phi) {
    sides r = {0};
    size_t n = shape_len(a->s), tape = perturb_tape_len(a->s);
    float *scratch = malloc(perturb_scratch_len(a->s, omp_get_max_threads()) * sizeof *scratch);
    r.y = malloc(n * sizeof *r.y);
    r.dx = malloc(n * sizeof *r.dx);
    r.tape = malloc(tape * sizeof *r.tape);
    for (int i = 0; i < 4 * a->s.c; i++) r.rv[i] = 1;
    (portable ? portable_perturb_forward : perturb_forward)(r.y, r.tape, r.rm, r.rv, x, phi, a,
                                                            scratch);
    (portable ? portable_perturb_backward : perturb_backward)(r.dx, 0, r.dphi, dy, r.tape, x, phi,
                                                              a, scratch);
    free(scratch);
    return r;
}

static void drop(sides *r) {
    free(r->y);
    free(r->dx);
    free(r->tape);
}

static void one_perturb(shape4 s, perturb_noise noise, int batch, float slope) {
    size_t n = shape_len(s);
    float *x = normal(n, 1), *dy = normal(n, 2), *phi = normal(PHI_LEN, 3), f[PHI_LEN], p[PHI_LEN];
    for (int i = 0; i < PHI_LEN; i++) phi[i] *= 0.3f;
    perturb_args a = {.s = s,
                      .c_feature = 0.5f,
                      .h_feature = 1,
                      .t = 0.9f,
                      .clip = 3,
                      .two_sided = 1,
                      .slope = slope,
                      .noise = noise,
                      .scale = 1,
                      .batch_stats = batch,
                      .momentum = 0.1f,
                      .key = {1, 2}};
    sides fast = run(0, &a, x, dy, phi), plain = run(1, &a, x, dy, phi);
    for (int i = 0; i < PHI_LEN; i++) f[i] = (float)fast.dphi[i], p[i] = (float)plain.dphi[i];
    double e[] = {apart(fast.y, plain.y, n), apart(fast.dx, plain.dx, n), apart(f, p, PHI_LEN),
                  apart(fast.rm, plain.rm, 4 * (size_t)s.c),
                  apart(fast.rv, plain.rv, 4 * (size_t)s.c)};
    static const char *const what[] = {"y", "dx", "dphi", "running mean", "running variance"};
    for (int i = 0; i < 5; i++)
        CHECK(e[i] < LIMIT, "%s %.2e apart: %dx%dx%dx%d, noise %d, batch %d", what[i], e[i], s.n,
              s.h, s.w, s.c, noise, batch);
    drop(&fast);
    drop(&plain);
    free(x);
    free(dy);
    free(phi);
}

static void rows(void) {
    enum { N = 10007 };
    float *a = malloc(N * sizeof *a), *b = malloc(N * sizeof *b), *x = normal(N, 4),
          *y = normal(N, 5);
    rng_normal_row(a, N, rng_key(1, RNG_TEST, 6, 0), 3);
    portable_rng_normal_row(b, N, rng_key(1, RNG_TEST, 6, 0), 3);
    CHECK(apart(a, b, N) < LIMIT, "normal %.2e", apart(a, b, N));
    rng_uniform_row(a, N, rng_key(1, RNG_TEST, 7, 0), 3);
    portable_rng_uniform_row(b, N, rng_key(1, RNG_TEST, 7, 0), 3);
    CHECK(!memcmp(a, b, N * sizeof *a), "uniform numbers are the same bits");
    for (int k = 0; k < ACT_COUNT && !act_over_channels((act_kind)k); k++) {
        act_forward(a, x, N, (act_kind)k);
        portable_act_forward(b, x, N, (act_kind)k);
        CHECK(apart(a, b, N) < LIMIT, "%s %.2e", act_name((act_kind)k), apart(a, b, N));
        act_backward(a, x, x, y, N, (act_kind)k);
        portable_act_backward(b, x, x, y, N, (act_kind)k);
        CHECK(apart(a, b, N) < LIMIT, "slope of %s %.2e", act_name((act_kind)k), apart(a, b, N));
    }
    free(a);
    free(b);
    free(x);
    free(y);
}

static void adam(void) {
    enum { N = 4099 };
    float *w[2] = {normal(N, 8), normal(N, 8)}, *m[2], *v[2], *g[2];
    for (int s = 0; s < 2; s++) {
        m[s] = calloc(N, sizeof **m);
        v[s] = calloc(N, sizeof **v);
        for (int t = 1; t <= 3; t++) {
            adam_args aa = {1e-3f, 0.9f, 0.999f, 1e-8f, 5e-4f, t};
            g[s] = normal(N, 9);
            (s ? portable_adam_step : adam_step)(w[s], g[s], m[s], v[s], N, &aa, 128);
            free(g[s]);
        }
    }
    CHECK(apart(w[0], w[1], N) < LIMIT && apart(m[0], m[1], N) < LIMIT &&
              apart(v[0], v[1], N) < LIMIT,
          "%.2e %.2e %.2e", apart(w[0], w[1], N), apart(m[0], m[1], N), apart(v[0], v[1], N));
    for (int s = 0; s < 2; s++) {
        free(w[s]);
        free(m[s]);
        free(v[s]);
    }
}

static void channels(void) {
    enum { ROWS = 300, C = 37, N = ROWS * C };
    float *x = normal(N, 12), *dy = normal(N, 13), *y[2], *dx[2];
    for (int k = ACT_NORM_CHAN; k < ACT_COUNT; k++) {
        for (int s = 0; s < 2; s++) {
            y[s] = malloc(N * sizeof **y);
            dx[s] = malloc(N * sizeof **dx);
            (s ? portable_act_channels_forward : act_channels_forward)(y[s], x, ROWS, C,
                                                                       (act_kind)k);
            (s ? portable_act_channels_backward : act_channels_backward)(dx[s], dy, x, y[s], ROWS,
                                                                         C, (act_kind)k);
        }
        CHECK(apart(y[0], y[1], N) < LIMIT && apart(dx[0], dx[1], N) < LIMIT, "%s %.2e %.2e",
              act_name((act_kind)k), apart(y[0], y[1], N), apart(dx[0], dx[1], N));
        for (int s = 0; s < 2; s++) {
            free(y[s]);
            free(dx[s]);
        }
    }
    free(x);
    free(dy);
}

/* A head with a grid that no vector divides; true boxes in both pictures. */
static void head(void) {
    static const int mask[] = {1, 2};
    static const float anchors[] = {10, 14, 40, 30, 60, 90};
    const yolo_head h = {.batch = 2,
                         .h = 19,
                         .w = 17,
                         .classes = 7,
                         .n = 2,
                         .mask = mask,
                         .anchors = 3,
                         .sizes = anchors,
                         .net_h = 152,
                         .net_w = 136,
                         .scale_x_y = 1.1f};
    yolo_rule r = yolo_rule_default();
    r.mse = 0, r.measure = BOX_CIOU, r.max_boxes = 3, r.iou_thresh = 0.2f, r.ignore_thresh = 0.3f;
    const float truth[] = {0.3f, 0.4f, 0.3f, 0.2f, 1, 0.7f, 0.6f, 0.5f, 0.7f, 6,
                           0,    0,    0,    0,    0, 0.5f, 0.5f, 0.2f, 0.3f, 0,
                           0.2f, 0.9f, 0.1f, 0.2f, 3, 0.8f, 0.1f, 0.3f, 0.2f, 2};
    size_t n = yolo_len(&h);
    float *x = normal(n, 14), *out[2], *delta[2];
    yolo_figures f[2];
    void *scratch = malloc(yolo_scratch_len(&h, &r));
    for (int s = 0; s < 2; s++) {
        out[s] = malloc(n * sizeof **out);
        delta[s] = malloc(n * sizeof **delta);
        (s ? portable_yolo_output : yolo_output)(out[s], x, &h, YOLO_NHWC);
        (s ? portable_yolo_loss : yolo_loss)(delta[s], &f[s], out[s], truth, &h, &r, YOLO_NHWC,
                                             scratch);
    }
    CHECK(apart(out[0], out[1], n) < LIMIT && apart(delta[0], delta[1], n) < LIMIT,
          "head %.2e %.2e", apart(out[0], out[1], n), apart(delta[0], delta[1], n));
    CHECK(f[0].boxes == f[1].boxes && f[0].boxes > 3 && fabs(f[0].cost / f[1].cost - 1) < LIMIT,
          "%zu and %zu boxes, cost %f and %f", f[0].boxes, f[1].boxes, f[0].cost, f[1].cost);
    for (int s = 0; s < 2; s++) {
        free(out[s]);
        free(delta[s]);
    }
    free(x);
    free(scratch);
}

int main(void) {
    static const shape4 shapes[] = {
        {4, 32, 32, 16}, {3, 17, 9, 33}, {2, 16, 16, 64}, {1, 40, 5, 3}, {5, 1, 1, 96}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int noise = PERTURB_NOISE_NONE; noise <= PERTURB_NOISE_MEAN; noise++)
            for (int batch = 0; batch < 2; batch++)
                one_perturb(shapes[i], (perturb_noise)noise, batch, batch ? 0 : 0.1f);
    rows();
    adam();
    channels();
    head();
    return t_done("test_portable");
}
