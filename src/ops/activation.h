/* activation.h - Darknet's activation functions, by Darknet's names; gradients are functions of the OUTPUT,
 * as in Darknet, so that the input need not be kept. Element-wise; y may be x. */
#ifndef MP_ACTIVATION_H
#define MP_ACTIVATION_H
#include <stddef.h>

typedef enum {
    ACT_LOGISTIC, ACT_RELU, ACT_RELIE, ACT_LINEAR, ACT_RAMP, ACT_TANH, ACT_PLSE,
    ACT_LEAKY, ACT_ELU, ACT_LOGGY, ACT_STAIR, ACT_HARDTAN, ACT_LHTAN, ACT_SELU, ACT_COUNT
} act_kind;

/* The kind called `name` in a cfg, or -1. / The name of a kind. */
int act_from_name(const char *name);
const char *act_name(act_kind a);

void act_forward(float *y, const float *x, size_t n, act_kind a);           /* (=) y = a(x) */
void act_backward(float *dx, const float *dy, const float *y, size_t n, act_kind a);  /* (=) dx = dy * a'(y) */
/* a(x) = x > 0 ? x : slope * x for these; 1 and the slope, or 0 (and slope 1). */
int act_slope(act_kind a, float *slope);
#endif
