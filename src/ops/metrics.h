/* metrics.h - figures of a classifier from its predicted probabilities.
 *
 * ECE: expected calibration error over `bins` equal bins of the top probability (Guo et al., ICML
 * 2017): sum over bins of (count/n) * |accuracy - mean confidence|. */
#ifndef MP_METRICS_H
#define MP_METRICS_H
#include <stddef.h>

enum { METRIC_BINS = 15 };

typedef struct {
    size_t images, top1, topk; /* counts */
    double nll_sum;            /* natural logarithm; p is floored at 1e-12 */
    size_t bin_count[METRIC_BINS], bin_right[METRIC_BINS];
    double bin_conf[METRIC_BINS]; /* sum of confidences */
} metrics;

/* Count one image: p[classes] sums to 1, truth its class, k for the second accuracy (5, or classes
 * if fewer). Ties count for the lower index. */
void metrics_add(metrics *m, const float *p, int classes, int truth, int k);
double metrics_ece(const metrics *m);

/* What is said of a classifier in lines, JSON files, tables and pictures: a row each, in this
 * order. better: 1 more, -1 less; digits: after the point, of what people read. */
typedef struct {
    const char *key, *label;
    int in_percent, digits, better;
    double (*value)(const metrics *m);
} metric;
enum { METRIC_TOP1, METRIC_NLL, METRIC_ECE, METRICS };
extern const metric metric_rows[];
/* What people read of a value: 71.2 of 0.712 where the row is in percent. */
double metric_shown(int row, double value);
#endif
