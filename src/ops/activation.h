/* activation.h - activation functions of Darknet and of AlexeyAB's fork, by their names in a cfg.
 *
 * One row a kind: its name; the value at x; the slope at x, where the value is y; whether the slope
 * needs x (else y is enough, and x need not be kept, as in Darknet); how the CPU runs it; the slope
 * below 0 of those that are y = x > 0 ? x : low * x, else 1. Ways to run: BENT, the loop of those;
 * EACH, number by number with the C library's functions; VECTOR, many at once. Enum, CPU and CUDA
 * all come from this table: a kind without a row does not exist. The functions that it calls stand
 * in activation_each.h. */
#ifndef MP_ACTIVATION_H
#define MP_ACTIVATION_H
#include <stddef.h>

#define ACTIVATIONS(ROW)                                                                      \
    ROW(LOGISTIC, "logistic", 1 / (1 + expf(-x)), (1 - y) * y, 0, EACH, 1)                    \
    ROW(RELU, "relu", x > 0 ? x : 0, y > 0 ? 1 : 0, 0, BENT, 0)                               \
    ROW(RELIE, "relie", x > 0 ? x : 0.01f * x, y > 0 ? 1 : 0.01f, 0, BENT, 0.01f)             \
    ROW(LINEAR, "linear", x, 1, 0, BENT, 1)                                                   \
    ROW(RAMP, "ramp", (x > 0 ? x : 0) + 0.1f * x, (y > 0 ? 1 : 0) + 0.1f, 0, EACH, 1)         \
    ROW(TANH, "tanh", tanhf(x), 1 - y * y, 0, EACH, 1)                                        \
    ROW(PLSE, "plse", act_plse(x), y < 0 || y > 1 ? 0.01f : 0.125f, 0, EACH, 1)               \
    ROW(LEAKY, "leaky", x > 0 ? x : 0.1f * x, y > 0 ? 1 : 0.1f, 0, BENT, 0.1f)                \
    ROW(ELU, "elu", x >= 0 ? x : expf(x) - 1, y >= 0 ? 1 : y + 1, 0, EACH, 1)                 \
    ROW(LOGGY, "loggy", 2 / (1 + expf(-x)) - 1, act_loggy_slope(y), 0, EACH, 1)               \
    ROW(STAIR, "stair", act_stair(x), floorf(y) == y ? 0 : 1, 0, EACH, 1)                     \
    ROW(HARDTAN, "hardtan", x < -1 ? -1 : x > 1 ? 1 : x, y > -1 && y < 1 ? 1 : 0, 0, EACH, 1) \
    ROW(LHTAN, "lhtan", act_lhtan(x), y > 0 && y < 1 ? 1 : 0.001f, 0, EACH, 1)                \
    ROW(SELU, "selu", act_selu(x), act_selu_slope(y), 0, EACH, 1)                             \
    ROW(MISH, "mish", act_mish(x), act_mish_slope(x), 1, VECTOR, 1)                           \
    ROW(SWISH, "swish", act_swish(x), act_swish_slope(x), 1, VECTOR, 1)                       \
    ROW(HARD_MISH, "hard_mish", act_hard_mish(x), act_hard_mish_slope(x), 1, VECTOR, 1)       \
    ROW(RELU6, "relu6", x > 0 ? (x < 6 ? x : 6) : 0, y > 0 && y < 6 ? 1 : 0, 0, VECTOR, 1)    \
    ROW(GELU, "gelu", act_gelu(x), act_gelu_slope(x), 1, VECTOR, 1)                           \
    ROW(REVLEAKY, "revleaky", x > 0 ? x : 0.1f * x, y > 0 ? 1 : 0.1f, 0, BENT, 0.1f)

#define ACT_KIND(kind, ...) ACT_##kind,
typedef enum {
    ACTIVATIONS(ACT_KIND)
    /* Over the channels of one position, not number by number: act_channels_*. */
    ACT_NORM_CHAN,
    ACT_NORM_CHAN_SOFTMAX,
    ACT_NORM_CHAN_SOFTMAX_MAXVAL,
    ACT_COUNT
} act_kind;
#undef ACT_KIND

/* The kind called `name` in a cfg, or -1; silu is swish, norm_chan... is normalize_channels... */
int act_from_name(const char *name);
const char *act_name(act_kind a);
int act_needs_input(act_kind a);   /* its gradient reads x */
int act_over_channels(act_kind a); /* of act_channels_*, not of act_forward */

/* (=) y = a(x); y may be x, unless a gradient that needs x is to follow. */
void act_forward(float *y, const float *x, size_t n, act_kind a);
/* (=) dx = dy * a'(x). x may be NULL where act_needs_input says 0; dx may be dy. */
void act_backward(float *dx, const float *dy, const float *x, const float *y, size_t n, act_kind a);
/* a(x) = x > 0 ? x : slope * x for these; 1 and the slope, or 0 (and slope 1). */
int act_slope(act_kind a, float *slope);

#define ACT_CHANNEL_EPS 1e-4f
/* Of `rows` positions with c channels side by side (NHWC), with eps = 1e-4:
 *   normalize_channels                  y_c = p_c / (sum p + eps), p = max(x,0)
 *   normalize_channels_softmax          y_c = e^x_c / (sum e^x + eps)
 *   normalize_channels_softmax_maxval   the same of x - max x
 * Here dx is the true derivative, (dy - g)/(sum + eps) where x > 0, and y (dy - g), with g = sum of
 * y dy; for maxval the greatest x also moves the others: -g eps/(sum + eps). The fork's backward is
 * another (dy * g), so training with these is not the fork's. y may be x in forward, dx may be dy
 * in backward, which needs x and y. */
void act_channels_forward(float *y, const float *x, size_t rows, size_t c, act_kind a);
void act_channels_backward(float *dx, const float *dy, const float *x, const float *y, size_t rows,
                           size_t c, act_kind a);
#endif
