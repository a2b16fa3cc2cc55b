/* ref_net.h - an independent double-precision network: naive loops in NCHW over the layers of a
 * parsed host network.
 *
 * It shares nothing with the engine but the parsed sizes, so that finite differences of its loss
 * judge the engine's gradients. */
#ifndef REF_NET_H
#define REF_NET_H
#include <darknet.h>

typedef struct {
    int is_perturb, noise, scale, act; /* [perturb], which the host knows as an [upsample] */
    const float *eps;                  /* (N,H,W,C), as the engine drew it */
} ref_layer;

typedef struct {
    const network *net;
    int batch, bn_batch;
    double t, clip, c_norm, h_norm, phi[82];
    ref_layer *layers;    /* net->n of them */
    double **w, **b, **s; /* parameters by layer, copied from the host's floats */
} ref_net;

ref_net *ref_net_new(const network *net, int batch);
void ref_net_free(ref_net *r);

/* Summed cross-entropy of inputs x (batch,c,h,w) against truth (batch, classes); out (may be NULL):
 * the last layer's output. */
double ref_net_loss(const ref_net *r, const double *x, const double *truth, double *out);
#endif
