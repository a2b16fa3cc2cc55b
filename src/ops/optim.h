/* optim.h - one fused pass per tensor for Darknet's SGD and for Adam with L2 decay.
 *
 * `update` follows Darknet's sign: it holds MINUS the gradient, summed over `batch` images. */
#ifndef MP_OPTIM_H
#define MP_OPTIM_H
#include <stddef.h>

/* Darknet's SGD (convolutional_layer.c, update): update -= decay*batch*w; w += rate/batch*update;
 * update *= momentum. decay is 0 for biases and scales there. */
typedef struct {
    float rate, momentum, decay;
} sgd_args;
void sgd_step(float *w, float *update, size_t n, const sgd_args *a, int batch);

typedef struct {
    float rate, beta1, beta2, eps, decay;
    int t;
} adam_args; /* t: 1 at the first step */

/* torch.optim.Adam with weight_decay (L2 in the gradient): g = -update/batch + decay*w;
 * m = b1*m + (1-b1)*g; v = b2*v + (1-b2)*g*g; w -= rate * (m/(1-b1^t)) / (sqrt(v/(1-b2^t)) + eps);
 * update = 0. */
void adam_step(float *w, float *update, float *m, float *v, size_t n, const adam_args *a,
               int batch);

/* A moving average: avg += rate * (w - avg); rate 1 makes it w, bit for bit.
 *
 * AlexeyAB's fork has an ema_alpha of another rule, which is not done here: weights, biases and
 * scales of convolutions only; nothing before max_batches/2, where avg begins as w; from there
 * avg = ema_alpha avg + (1 - ema_alpha) w; at max_batches - 1000 the averages replace the weights,
 * and stay as they are while training goes on from them. Below max_batches=2000 it does nothing. */
void ema_step(float *avg, const float *w, size_t n, float rate);
#endif
