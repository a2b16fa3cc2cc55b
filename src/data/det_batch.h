/* det_batch.h - batches for training detectors: a pure function of (pictures, augmentation, seed,
 * batch number), whatever the number of threads.
 *
 * Augmentation is Darknet's for detection (load_data_detection): the picture's aspect ratio is
 * changed by up to `jitter`, it is scaled to just fit the network, laid on gray at a random place,
 * its colours are changed, and half of all are mirrored; boxes move along. Where Darknet cuts
 * positions to whole pixels for the picture only, here boxes follow the pixels. */
#ifndef MP_DET_BATCH_H
#define MP_DET_BATCH_H
#include "data/detection.h"

typedef struct {
    int w, h, c; /* of the network in the cfg */
    int boxes;   /* that truth has room for; of more, a random choice */
    int stretch; /* the picture is stretched to w x h before jitter changes its shape; 0: its shape
                    is kept */
    float jitter, hue, saturation, exposure;
    int flip;
    float resize; /* the placed picture is scaled by up to this, up and down; below 1: down only; 0
                     or 1: not */
    /* Half of all pictures are mosaics of four, of the others half are blends of two if mixup is
     * set: of equal shares, or with mixup_alpha > 0 by Beta(alpha, alpha). Half are blurred and
     * half noisy. Boxes are cut with the pictures; of one that is cut a tenth must be left. */
    int mosaic, mosaic_bound; /* bound: each of the four is shown whole */
    int mixup;
    float mixup_alpha;
    int blur;    /* 1: the background, by 31 taps; above: all, by so many; 0: nothing */
    float noise; /* standard deviation, of values from 0 to 1 */
    /* Multi-scale: every 10 steps another size, width a multiple of 32 from w / range to w * range
     * (0: 1.4), height to match; from step `settle` on w x h again, so that running statistics and
     * last steps belong to the size that is tested. */
    int random, batches_per_step;
    uint64_t settle;
    float range;
} det_augment;

typedef struct {
    uint64_t k;
    int w, h;     /* of these pictures */
    float *X;     /* (batch, c, h, w) in [0,1] */
    float *truth; /* (batch, boxes, 5): x y w h class; zeros after the last */
} det_batch;

/* Size of the pictures of batch k. */
void det_size(const det_augment *a, uint64_t seed, uint64_t k, int *w, int *h);
/* The largest size that any batch has. */
void det_largest(const det_augment *a, int *w, int *h);

/* Every epoch is a permutation of the pictures, as in batch.h; out->X, truth have room for the
 * largest size. -1 and err: no memory, or a picture can no longer be read. */
int det_batch_train(const det_set *s, const det_augment *a, uint64_t seed, uint64_t k, int batch,
                    det_batch *out, char *err);

/* Batches first, first+1, ... made ahead by threads. NULL: no memory. s must live as long. */
typedef struct det_loader det_loader;
det_loader *det_loader_new(const det_set *s, const det_augment *a, uint64_t seed, uint64_t first,
                           int batch, int threads);
const det_batch *det_loader_next(det_loader *l,
                                 char *err); /* valid until the next call; NULL and err as above */
void det_loader_free(det_loader *l);
#endif
