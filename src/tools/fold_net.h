/* fold_net.h - the steps of folding; see fold.h. Inside the room only. */
#ifndef MP_FOLD_NET_H
#define MP_FOLD_NET_H
#include "host/cfg_edit.h"
#include "host/net.h"

/* One channel: its stand-in g*x + b, and weighted sums over the calibration images; the last two
 * without weights. */
typedef struct {
    double g, b, w, x, y, xx, xy, all_xx, all_xy;
} fold_channel;

/* One [perturb]. */
typedef struct {
    int section, layer,
        into; /* into: section of the convolution that takes g and b, 0: none does */
    int c;
    act_kind act;
    fold_channel *channels; /* (c) */
} fold_place;

typedef struct {
    network *net;
    cfg_edit *edit;
    fold_place *places;
    int n;
} fold_plan;

/* Batch k = 0 .. batches-1 of the calibration images into X, (batch, c, h, w). */
typedef struct {
    void (*fill)(void *of, int k, float *X);
    void *of;
    int batches;
} fold_images;

/* What becomes of each [perturb] of `net`, whose cfg is `text` (NULL: the file at `path`). apart:
 * none goes into a convolution. NULL and err: no [perturb], or a layer that the host cannot run or
 * store. The network stays the caller's. */
fold_plan *fold_plan_make(network *net, const char *path, const char *text, int apart, char *err);
void fold_plan_free(fold_plan *p);

/* g and b of every channel from so many batches. plain NULL: from what each [perturb] of
 * deterministic passes reads and gives. Else (a network of this plan, made `apart`) from what its
 * stand-ins read and what the [perturb]s give on the same images, so that each makes good for those
 * before it; they move by `step` of the way, in both. keep: the plain network's batch norms have
 * the statistics that it will keep; else those of the batch. 0, or -1 and err. */
int fold_fit(fold_plan *p, network *plain, const fold_images *im, int batches, double step,
             int keep, char *err);
void fold_take(fold_plan *p,
               const fold_plan *from); /* g and b of another plan of the same network */

/* The plain cfg (malloc'd); then its network (opened from that text) gets the weights, with g and b
 * in them. */
char *fold_text(fold_plan *p, char *err);
void fold_weights(const fold_plan *p, network *plain);

/* Batch norm statistics of a plain network anew: mean over the batches of their means and
 * variances, plus the variance of the means. Then every filter rescaled to variance 1. 0, or -1 and
 * err. */
int fold_statistics(network *plain, const fold_images *im, char *err);
/* The rescaling alone: the statistics stay those of one pass through the perturbed network. */
void fold_rescale(network *plain);

/* Sum of all parameters of a layer: no number if one of them is none. */
double fold_sum(const layer *l);
#endif
