/* activation.c - see activation.h */
#include "ops/activation_each.h"
#include <assert.h>
#include <string.h>

typedef void forward_loop(float *y, const float *x, size_t n);
typedef void backward_loop(float *dx, const float *dy, const float *x, const float *y, size_t n);

/* Where dx is dy or y is x, each number is read before its place is written: no conflict that stops
 * vectors (ivdep). */
#define LOOPS(clones, kind, value, slope)                                           \
    clones static void forward_##kind(float *ys, const float *xs, size_t n) {       \
        _Pragma("GCC ivdep") for (size_t i = 0; i < n; i++) {                       \
            const float x = xs[i];                                                  \
            ys[i] = value;                                                          \
        }                                                                           \
    }                                                                               \
    clones static void backward_##kind(float *dx, const float *dy, const float *xs, \
                                       const float *ys, size_t n) {                 \
        _Pragma("GCC ivdep") for (size_t i = 0; i < n; i++) {                       \
            const float x = xs[i], y = ys[i];                                       \
            (void)x;                                                                \
            (void)y;                                                                \
            dx[i] = dy[i] * (slope);                                                \
        }                                                                           \
    }
#define BENT(kind, value, slope)
#define EACH(kind, value, slope) LOOPS(, kind, value, slope)
#define VECTOR(kind, value, slope) LOOPS(VEC_CLONES, kind, value, slope)
#define ROW(kind, name, value, slope, needs, way, low) way(kind, value, slope)
ACTIVATIONS(ROW)
#undef ROW

#define LOOPS_OF_BENT(kind) NULL, NULL
#define LOOPS_OF_EACH(kind) forward_##kind, backward_##kind
#define LOOPS_OF_VECTOR(kind) forward_##kind, backward_##kind
#define ROW(kind, name, value, slope, needs, way, low) {name, needs, low, LOOPS_OF_##way(kind)},

static const struct {
    const char *name;
    int needs_input;
    float low;
    forward_loop *forward;
    backward_loop *backward;
} table[] = {
    ACTIVATIONS(ROW){"normalize_channels", 1, 1, NULL, NULL},
    {"normalize_channels_softmax", 1, 1, NULL, NULL},
    {"normalize_channels_softmax_maxval", 1, 1, NULL, NULL},
};
#undef ROW
_Static_assert(sizeof table / sizeof *table == ACT_COUNT, "one row for each kind");

static const struct {
    const char *name;
    act_kind kind;
} others[] = {
    {"silu", ACT_SWISH},
    {"norm_chan", ACT_NORM_CHAN},
    {"norm_chan_softmax", ACT_NORM_CHAN_SOFTMAX},
    {"norm_chan_softmax_maxval", ACT_NORM_CHAN_SOFTMAX_MAXVAL},
};

int act_from_name(const char *name) {
    for (int i = 0; i < ACT_COUNT; i++)
        if (!strcmp(table[i].name, name)) return i;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!strcmp(others[i].name, name)) return (int)others[i].kind;
    return -1;
}

const char *act_name(act_kind a) { return table[a].name; }
int act_needs_input(act_kind a) { return table[a].needs_input; }
int act_over_channels(act_kind a) { return a >= ACT_NORM_CHAN; }

VEC_CLONES
static void bent_rows(float *y, const float *x, size_t n, float low) {
    for (size_t i = 0; i < n; i++) y[i] = x[i] > 0 ? x[i] : low * x[i];
}

VEC_CLONES
static void bent_slopes(float *dx, const float *dy, const float *y, size_t n, float low) {
    for (size_t i = 0; i < n; i++) dx[i] = y[i] > 0 ? dy[i] : low * dy[i];
}

void act_forward(float *y, const float *x, size_t n, act_kind a) {
    assert(!act_over_channels(a));
    if (table[a].forward) {
        table[a].forward(y, x, n);
    } else if (a != ACT_LINEAR) {
        bent_rows(y, x, n, table[a].low);
    } else if (y != x) {
        memcpy(y, x, n * sizeof *y);
    }
}

void act_backward(float *dx, const float *dy, const float *x, const float *y, size_t n,
                  act_kind a) {
    assert(!act_over_channels(a) && (x || !act_needs_input(a)));
    if (table[a].backward) {
        table[a].backward(dx, dy, act_needs_input(a) ? x : y, y, n);
    } else if (a != ACT_LINEAR) {
        bent_slopes(dx, dy, y, n, table[a].low);
    } else if (dx != dy) {
        memcpy(dx, dy, n * sizeof *dx);
    }
}

int act_slope(act_kind a, float *slope) {
    *slope = table[a].low;
    return !act_over_channels(a) && !table[a].forward;
}
