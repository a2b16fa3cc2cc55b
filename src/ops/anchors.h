/* anchors.h - sizes for a detector's anchors from the sizes of its boxes: k-means with 1 - IoU for
 * a distance (Redmon and Farhadi, "YOLO9000", CVPR 2017), boxes laid on a common centre, a centre
 * the mean width and height of its boxes.
 *
 * A start draws k different boxes, each next one with a chance of its squared distance from those
 * drawn (Arthur and Vassilvitskii, "k-means++", SODA 2007), and goes on until no box changes sides.
 * The best of several starts counts. */
#ifndef MP_ANCHORS_H
#define MP_ANCHORS_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const float *wh; /* (n,2) widths and heights above 0, in any unit */
    size_t n;
    int k, starts; /* both at least 1 */
    uint64_t seed;
} anchors_args;

/* Mean over boxes of the IoU with the anchor that is nearest. */
double anchors_mean_iou(const float *anchors, int k, const float *wh, size_t n);

/* Bytes of scratch. */
size_t anchors_scratch_len(const anchors_args *a);

/* anchors (=) (k,2) in the boxes' unit, by rising area; mean_iou (=) of them. 0, or -1 if there are
 * fewer than k different sizes. OpenMP over starts; the same bits for any number of threads. */
int anchors_fit(float *anchors, double *mean_iou, const anchors_args *a, void *scratch);
#endif
