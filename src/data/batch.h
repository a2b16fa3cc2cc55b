/* batch.h - batches for training and test: a pure function of (data set, augmentation, seed, batch
 * number), whatever the number of threads, so that a run can stop and go on anywhere.
 *
 * Images go into X as Darknet wants them: (batch, c, h, w) floats in [0,1]. truth: (batch,
 * classes), rows of sum 1: one-hot, but for training with label_smooth, mixup or cutmix. labels:
 * the picture's own class in any case. */
#ifndef MP_BATCH_H
#define MP_BATCH_H
#include "data/dataset.h"

/* How a picture of another shape becomes w x h: the whole of it stretched; its centre square,
 * stretched to w x h, as Darknet's `classifier valid` does; the whole of it, its shape kept, on
 * gray 0.5. Training and every test of a network use one of them: of square pictures in a square
 * network all are the same. */
typedef enum { FIT_STRETCH, FIT_CENTRE, FIT_LETTERBOX } image_fit;
void image_fitted(const raster *r, image_fit fit, int w, int h, int c, float *X);

typedef struct {
    int w, h, c; /* of the network */
    image_fit fit;
    int crop_pad; /* >= 0: the picture fitted to w x h (bilinear, rounded to bytes), then a random
                   * crop of it padded by so many black pixels */
    int flip;     /* mirror with probability 1/2 */
    /* Darknet's own, used where crop_pad < 0, its random crops of the picture as it is
     * (FIT_LETTERBOX: of that on gray): random_augment_image and random_distort_image. aspect,
     * saturation, exposure: a factor from 1/v to v (0 or 1: none); hue: up to this part of a turn;
     * angle: degrees. Of gray pictures only the exposure changes. */
    float angle, aspect, hue, saturation, exposure;
    int min_crop,
        max_crop; /* short side is resized to this range; 0: Darknet's defaults, w and 2w */
    /* Of training alone; all 0: none of it. */
    int cutout; /* a square of so many pixels a side about a random pixel, clipped at the border,
                   becomes gray 0.5 */
    float label_smooth; /* E: truth*(1-E) + E/classes */
    float mixup,
        cutmix; /* alpha of lambda ~ Beta(alpha, alpha), one lambda and one permutation of partners
                 * for each batch: X = lambda*X + (1-lambda)*X', or a box of X' of area 1-lambda,
                 * clipped at the border, and lambda what is left of X; truth = lambda*truth +
                 * (1-lambda)*truth'. Both: one of them, as likely */
} augment;

/* Every epoch is a permutation of the data set (each image once), drawn from the seed; batch k
 * holds places k*batch .. k*batch+batch-1 of the endless sequence of epochs. truth, labels may be
 * NULL. -1: no memory. */
int batch_train(const dataset *s, const augment *a, uint64_t seed, uint64_t k, int batch, float *X,
                float *truth, int *labels);

/* Images first .. first+n-1 for test. truth, labels may be NULL. */
void batch_test(const dataset *s, image_fit fit, int w, int h, int c, int first, int n, float *X,
                float *truth, int *labels);

/* One image letterboxed (gray 0.5 borders), as Darknet does. X: (c, h, w). */
void image_letterbox(const raster *r, int w, int h, int c, float *X);
/* The same, stretched to w x h, whatever its shape. */
void image_stretch(const raster *r, int w, int h, int c, float *X);

/* Prefetching: threads make batches first, first+1, ... ahead of use, at least two. The same floats
 * as batch_train; with crop_pad, resized pictures are kept. NULL: no memory or no thread. s must
 * live as long as the loader; one caller at a time. */
typedef struct loader loader;
typedef struct {
    uint64_t k;
    float *X, *truth;
    int *labels;
} batch_t;
loader *loader_new(const dataset *s, const augment *a, uint64_t seed, uint64_t first, int batch,
                   int threads);
const batch_t *loader_next(loader *l); /* valid until the next call */
void loader_free(loader *l);           /* at any time; NULL is fine */
#endif
