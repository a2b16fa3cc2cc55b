/* test_activation.c - activation functions and their gradients: against the fork's vectors, against
 * formulas in double with their own finite differences, and at the ends of what a float can hold.
 */
#include "ops/activation.h"
#include "fork_vectors.h"
#include "ops/rng.h"
#include "ref.h"

/* Written from the definitions, without a care for cancellation: double has digits to spare. */
static double plain(double x, act_kind a) {
    switch (a) {
    case ACT_MISH: return x * tanh(log1p(exp(x)));
    case ACT_SWISH: return x / (1 + exp(-x));
    case ACT_HARD_MISH: return x * fmin(2, fmax(0, x + 2)) / 2;
    case ACT_RELU6: return fmin(6, fmax(0, x));
    case ACT_GELU: return 0.5 * x * (1 + tanh(0.797885 * x + 0.035677 * x * x * x));
    case ACT_REVLEAKY: return fmax(x, 0.1 * x);
    default: return NAN;
    }
}
static const act_kind fresh[] = {ACT_MISH,  ACT_SWISH, ACT_HARD_MISH,
                                 ACT_RELU6, ACT_GELU,  ACT_REVLEAKY};
enum { FRESH = sizeof fresh / sizeof *fresh };

static int near_corner(double x, act_kind a) {
    double h = 1e-3;
    if (a == ACT_HARD_MISH) return fabs(x + 2) < h || fabs(x) < h;
    if (a == ACT_RELU6) return fabs(x) < h || fabs(x - 6) < h;
    return a == ACT_REVLEAKY && fabs(x) < h;
}

static void against_double(void) {
    enum { N = 20011 };
    float *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y), *one = malloc(N * sizeof *one),
          *dx = malloc(N * sizeof *dx);
    rng_normal_row(x, N, rng_key(3, RNG_TEST, 1, 0), 0);
    for (int i = 0; i < N; i++) {
        x[i] *= i % 3 ? 3 : 12;
        one[i] = 1;
    }
    for (int k = 0; k < FRESH; k++) {
        act_kind a = fresh[k];
        double value = 0, slope = 0, h = 1e-4, size = 0;
        act_forward(y, x, N, a);
        act_backward(dx, one, x, y, N, a);
        for (int i = 0; i < N; i++) {
            double at = (double)x[i], want = (plain(at + h, a) - plain(at - h, a)) / (2 * h);
            double e = fabs((double)y[i] - plain(at, a)) / fmax(1, fabs(plain(at, a)));
            value = e <= value ? value : e;
            e = near_corner(at, a) ? 0 : fabs((double)dx[i] - want);
            slope = e <= slope ? slope : e;
            size += fabs(want);
        }
        CHECK(value <= 1e-6, "%s: %.2e from its definition", act_name(a), value);
        CHECK(slope <= 1e-6, "slope of %s: %.2e from finite differences", act_name(a), slope);
        CHECK(size > N / 4, "slope of %s: nearly nothing but zeros", act_name(a));
    }
    free(x);
    free(y);
    free(one);
    free(dx);
}

/* The digits of small values far on the left: relative, where nothing but a difference of near
 * numbers could lose them. */
static void left_side(void) {
    for (double at = -60; at < -5; at += 0.37) {
        float x = (float)at, y, one = 1, dx;
        double e = exp((double)x), gate = e / (1 + e), n = e * (e + 2), h = (double)x;
        act_forward(&y, &x, 1, ACT_MISH);
        act_backward(&dx, &one, &x, &y, 1, ACT_MISH);
        CHECK(fabs((double)y / (h * n / (n + 2)) - 1) < 1e-6, "mish(%g) = %.9g", h, (double)y);
        double slope = n / (n + 2) + h * 4 * e * (1 + e) / ((n + 2) * (n + 2));
        CHECK(fabs((double)dx / slope - 1) < 1e-6, "slope of mish at %g: %.9g", h, (double)dx);
        act_forward(&y, &x, 1, ACT_SWISH);
        act_backward(&dx, &one, &x, &y, 1, ACT_SWISH);
        CHECK(fabs((double)y / (h * gate) - 1) < 1e-6, "swish(%g) = %.9g", h, (double)y);
        CHECK(fabs((double)dx / (gate * (1 + h * (1 - gate))) - 1) < 1e-6,
              "slope of swish at %g: %.9g", h, (double)dx);
    }
}

/* Largest floats, infinities, zeros: values and slopes as the limits say. */
static void extremes(void) {
    const float x[] = {INFINITY, 3e38f,  1e30f,  1e19f,     1000, 89,    -89,    -1000,
                       -1e19f,   -1e30f, -3e38f, -INFINITY, 0.0f, -0.0f, 1e-38f, -1e-38f};
    enum { N = sizeof x / sizeof *x };
    float y[N], one[N], dx[N];
    for (int i = 0; i < N; i++) one[i] = 1;
    for (int k = 0; k < FRESH; k++) {
        act_kind a = fresh[k];
        act_forward(y, x, N, a);
        act_backward(dx, one, x, y, N, a);
        for (int i = 0; i < N; i++) {
            float high = a == ACT_RELU6 ? 6 : x[i], low = a == ACT_REVLEAKY ? 0.1f * x[i] : 0;
            float want = x[i] > 80    ? high
                         : x[i] < -80 ? low
                                      : 0,
                  slope = x[i] > 80           ? a != ACT_RELU6
                          : a == ACT_REVLEAKY ? 0.1f
                                              : 0;
            CHECK(y[i] == want || fabsf(y[i] - want) < 1e-30f, "%s(%g) = %g", act_name(a),
                  (double)x[i], (double)y[i]);
            if (fabsf(x[i]) > 80)
                CHECK(fabsf(dx[i] - slope) < 1e-30f, "slope of %s at %g: %g", act_name(a),
                      (double)x[i], (double)dx[i]);
            else
                CHECK(dx[i] >= 0 && dx[i] <= 1, "slope of %s at %g: %g", act_name(a), (double)x[i],
                      (double)dx[i]);
        }
        float none = NAN, out;
        act_forward(&out, &none, 1, a);
        CHECK(isnan(out) || a == ACT_RELU6 || a == ACT_HARD_MISH, "%s hides that a number is none",
              act_name(a));
    }
}

/* Every length around a vector's, in place, and the names. */
static void lengths_and_names(void) {
    float x[70], y[70], z[70], dx[70], dz[70];
    rng_normal_row(x, 70, rng_key(3, RNG_TEST, 2, 0), 0);
    for (int a = 0; a < ACT_COUNT; a++) {
        act_kind k = (act_kind)a;
        CHECK(act_from_name(act_name(k)) == a, "%s is not found by its name", act_name(k));
        if (act_over_channels(k)) continue;
        int bad = 0;
        for (size_t n = 0; n <= 69; n++) {
            for (int i = 0; i < 70; i++) y[i] = z[i] = dx[i] = dz[i] = i < (int)n ? x[i] : 7;
            act_forward(y, x, n, k);
            act_forward(z, z, n, k);
            act_backward(dx, x, x, y, n, k);
            act_backward(dz, dz, x, y, n, k);
            bad += memcmp(y, z, sizeof y) || memcmp(dx, dz, sizeof dx) || y[69] != 7 || dx[69] != 7;
        }
        CHECK(!bad, "%s: %d of 70 lengths differ in place, or go beyond their end", act_name(k),
              bad);
    }
    CHECK(act_from_name("silu") == ACT_SWISH && act_from_name("norm_chan") == ACT_NORM_CHAN,
          "other names");
    CHECK(act_from_name("mish ") == -1 && act_from_name("") == -1, "no name");
    float low;
    CHECK(act_slope(ACT_REVLEAKY, &low) && low == 0.1f && !act_slope(ACT_MISH, &low) &&
              !act_slope(ACT_NORM_CHAN, &low),
          "bent kinds");
}

/* ---- over channels -------------------------------------------------------------------------- */

typedef struct {
    double x[64], r[64];
    int c;
    act_kind kind;
} position;

static double loss(void *of) {
    const position *p = of;
    double sum = 1e-4, most = p->x[0], v[64], out = 0;
    for (int i = 1; i < p->c; i++) most = fmax(most, p->x[i]);
    for (int i = 0; i < p->c; i++) {
        v[i] = p->kind == ACT_NORM_CHAN
                   ? fmax(p->x[i], 0)
                   : exp(p->x[i] - (p->kind == ACT_NORM_CHAN_SOFTMAX_MAXVAL ? most : 0));
        sum += v[i];
    }
    for (int i = 0; i < p->c; i++) out += p->r[i] * v[i] / sum;
    return out;
}

static void channels(void) {
    for (int k = ACT_NORM_CHAN; k < ACT_COUNT; k++)
        for (int c = 1; c < 64; c += c < 5 ? 1 : 9) {
            enum { ROWS = 5 };
            float x[ROWS * 64], dy[ROWS * 64], y[ROWS * 64], dx[ROWS * 64];
            double want[ROWS * 64], grad[ROWS * 64];
            rng_normal_row(x, ROWS * 64, rng_key(3, RNG_TEST, 3, (uint64_t)c), 0);
            rng_normal_row(dy, ROWS * 64, rng_key(3, RNG_TEST, 4, (uint64_t)c), 0);
            for (int r = 0; r < ROWS; r++) {
                position p = {.c = c, .kind = (act_kind)k};
                for (int i = 0; i < c; i++) p.x[i] = (double)(x[r * c + i] *= r ? 1 : 1e-3f);
                for (int i = 0; i < c; i++) {
                    p.r[i] = 1;
                    want[r * c + i] = loss(&p);
                    p.r[i] = 0;
                }
                for (int i = 0; i < c; i++) p.r[i] = (double)dy[r * c + i];
                for (int i = 0; i < c; i++) grad[r * c + i] = ref_slope(loss, &p, &p.x[i], 1e-7);
            }
            act_channels_forward(y, x, ROWS, (size_t)c, (act_kind)k);
            act_channels_backward(dx, dy, x, y, ROWS, (size_t)c, (act_kind)k);
            CHECK(t_rel(y, want, (size_t)(ROWS * c)) <= 1e-6, "%s of %d: %g", act_name((act_kind)k),
                  c, t_rel(y, want, (size_t)(ROWS * c)));
            /* With one channel the softmax kinds are nearly constant: what is left of dy - g are
             * rounding errors of 1e-7 of dy; with many, g has those of its sum. */
            double at = 0;
            for (int i = 0; i < ROWS * c; i++)
                at = fmax(at, fabs((double)dx[i] - grad[i]) / fmax(1, fabs(grad[i])));
            CHECK(at <= 4e-6, "gradient of %s of %d: %g", act_name((act_kind)k), c, at);
            act_channels_backward(dy, dy, x, y, ROWS, (size_t)c, (act_kind)k);
            CHECK(!memcmp(dx, dy, (size_t)(ROWS * c) * sizeof *dx), "in place");
            act_channels_forward(x, x, ROWS, (size_t)c, (act_kind)k);
            CHECK(!memcmp(x, y, (size_t)(ROWS * c) * sizeof *x), "in place");
        }
    for (int k = ACT_NORM_CHAN; k < ACT_COUNT; k++) {
        float x[4] = {1e4f, -1e4f, 1e4f, 0}, y[4], dx[4], dy[4] = {1, 2, 3, 4};
        act_channels_forward(y, x, 1, 4, (act_kind)k);
        act_channels_backward(dx, dy, x, y, 1, 4, (act_kind)k);
        CHECK(fabsf(y[0] - 0.5f) < 1e-4f && y[1] < 1e-30f && fabsf(y[0] - y[2]) == 0,
              "%s of great numbers", act_name((act_kind)k));
        for (int i = 0; i < 4; i++)
            CHECK(isfinite(dx[i]), "gradient of %s of great numbers", act_name((act_kind)k));
    }
}

/* ---- the fork's vectors --------------------------------------------------------------------- */

enum { POINTS = 403 };

static void one_kind(const char *name, const float *x, const float *y, const float *dy) {
    float got[POINTS], slope[POINTS], one[POINTS];
    act_kind a = (act_kind)act_from_name(name);
    double value = 0, worst = 0;
    for (int i = 0; i < POINTS; i++) one[i] = 1;
    act_forward(got, x, POINTS, a);
    act_backward(slope, one, x, got, POINTS, a);
    for (int i = 0; i < POINTS; i++) {
        /* The fork's elu and selu multiply 0 by infinity from 88.8 on: no number there. */
        double want = isnan(y[i]) ? (double)x[i] * (a == ACT_SELU ? 1.0507 : 1) : (double)y[i];
        double e = fabs((double)got[i] - want) / fmax(1, fabs(want));
        value = e <= value ? value : e;
        e = isnan(dy[i]) ? !isfinite(slope[i]) : fabs((double)slope[i] - (double)dy[i]);
        worst = e <= worst ? worst : e;
    }
    CHECK(value <= 1e-6, "%s: %.2e from the fork's", name, value);
    /* The fork's slope of swish is itself 0.97e-6 from the exact one, at 11.4375. */
    CHECK(worst <= (a == ACT_SWISH ? 1.2e-6 : 1e-6), "slope of %s: %.2e from the fork's", name,
          worst);
}

static void fork_each(void) {
    float *v = fork_floats("A_activations/activations.bin", 29 * POINTS, NULL);
    char *text = fork_text("A_activations/activations.columns.tsv"), *at = text, *field[2];
    int kinds = 0;
    fork_row(&at, field, 2);
    while (fork_row(&at, field, 2) == 2) {
        size_t len = strlen(field[1]), row = (size_t)atoi(field[0]);
        if (len < 2 || strcmp(field[1] + len - 2, ".y")) continue;
        field[1][len - 2] = 0;
        one_kind(field[1], v, v + row * POINTS, v + (row + 1) * POINTS);
        kinds++;
    }
    CHECK(kinds == 13, "%d kinds were compared", kinds);
    free(text);
    free(v);
}

static void fork_channels(void) {
    enum { B = 2, C = 5, P = 12, N = B * C * P };
    float *x = fork_floats("A_activations/chan_x.bin", N, NULL), in[N], out[N];
    for (int i = 0; i < N; i++) in[(i / (C * P) * P + i % P) * C + i / P % C] = x[i];
    for (int k = ACT_NORM_CHAN; k < ACT_COUNT; k++) {
        char name[256];
        snprintf(name, sizeof name, "A_activations/%s.y.bin", act_name((act_kind)k));
        float *want = fork_floats(name, N, NULL);
        double worst = 0;
        act_channels_forward(out, in, B * P, C, (act_kind)k);
        for (int i = 0; i < N; i++) {
            double e = fabs((double)(out[(i / (C * P) * P + i % P) * C + i / P % C] - want[i]));
            worst = e <= worst ? worst : e;
        }
        CHECK(worst <= 1e-6, "%s: %.2e from the fork's", act_name((act_kind)k), worst);
        free(want);
    }
    free(x);
}

int main(void) {
    against_double();
    left_side();
    extremes();
    lengths_and_names();
    channels();
    if (fork_there("A_activations")) {
        fork_each();
        fork_channels();
    } else {
        SKIP("the fork's activations: %s is not here", fork_path("A_activations"));
    }
    return t_done("test_activation");
}
