/* phi_measure.h - what a phi does: to a given pre-activation, and to the feature maps of a network
 * on real images. */
#ifndef MP_PHI_MEASURE_H
#define MP_PHI_MEASURE_H
#include "train/session.h"

/* Mean and standard deviation of z = softplus(alpha + eps) over eps ~ N(0,1). */
typedef struct {
    double mean, sd;
} noise_moments;
noise_moments phi_noise(double alpha);

/* Inside a map of one value v, where border effects do not reach: alpha, if the mean over the
 * channels there is `mean`; and the scale s of a channel of such maps. */
double phi_flat_alpha(const float *phi, double v, double mean);
double phi_flat_scale(const float *phi, double v, double c_feature, double h_feature);

/* One [perturb] layer in training mode (statistics of the batch, annealing 1) with the weights as
 * they are. Means over all elements and images: multiplier = s E[z]; noise = sd[z] / E[z]; scale =
 * s. */
typedef struct {
    int layer, c, h, w;
    double multiplier, noise, scale, scale_min, scale_max;
} phi_layer;

/* How one feature map is changed: before, s z, after; (h, w) each, of one image. */
typedef struct {
    int layer, channel, h, w;
    float *before, *multiplier, *after;
} phi_map;
enum { PHI_MAPS_EACH = 2 }; /* maps shown of one layer: its two liveliest channels */

typedef struct {
    int layers, images;
    phi_layer *layer;
    phi_map *map;             /* (layers * PHI_MAPS_EACH), of the first image */
    double multiplier, noise; /* means over the layers */
} phi_measured;

/* a->phi over a->cfg, a->weights, a->data: the valid images, or where there are none the train
 * images; at most 4 batches, drawn by the seed. 0, or -1 and err; phi_measured_free either way. */
int phi_measure(const session_args *a, phi_measured *m, char *err);
void phi_measured_free(phi_measured *m);
#endif
