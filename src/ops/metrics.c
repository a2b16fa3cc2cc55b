/* metrics.c - see metrics.h */
#include "ops/metrics.h"
#include <math.h>

void metrics_add(metrics *m, const float *p, int classes, int truth, int k) {
    int best = 0, above = 0;
    for (int c = 1; c < classes; c++)
        if (p[c] > p[best]) best = c;
    for (int c = 0; c < classes; c++) above += p[c] > p[truth] || (p[c] == p[truth] && c < truth);
    double conf = (double)p[best], pt = (double)p[truth];
    int bin = (int)(conf * METRIC_BINS);
    bin = bin < 0 ? 0 : bin >= METRIC_BINS ? METRIC_BINS - 1 : bin;
    m->images++;
    m->top1 += best == truth;
    m->topk += above < k;
    m->nll_sum -= log(pt > 1e-12 ? pt : 1e-12);
    m->bin_count[bin]++;
    m->bin_right[bin] += best == truth;
    m->bin_conf[bin] += conf;
}

double metrics_ece(const metrics *m) {
    double sum = 0;
    for (int b = 0; b < METRIC_BINS; b++) sum += fabs((double)m->bin_right[b] - m->bin_conf[b]);
    return m->images ? sum / (double)m->images : 0;
}

static double mean_of(double sum, const metrics *m) {
    return sum / (m->images ? (double)m->images : 1);
}
static double top1(const metrics *m) { return mean_of((double)m->top1, m); }
static double nll(const metrics *m) { return mean_of(m->nll_sum, m); }

const metric metric_rows[] = {
    [METRIC_TOP1] = {"top1", "top-1", 1, 2, 1, top1},
    [METRIC_NLL] = {"nll", "NLL", 0, 4, -1, nll},
    [METRIC_ECE] = {"ece", "ECE", 0, 4, -1, metrics_ece},
};
_Static_assert(sizeof metric_rows / sizeof *metric_rows == METRICS, "a row for each metric");

double metric_shown(int row, double value) {
    return metric_rows[row].in_percent ? 100 * value : value;
}
