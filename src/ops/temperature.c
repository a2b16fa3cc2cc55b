/* temperature.c - see temperature.h */
#include "ops/temperature.h"
#include <math.h>
#include <string.h>

static double logit(float p) { return log(p > 1e-30f ? (double)p : 1e-30); }

/* Slope of the summed NLL in b = 1/T: sum over images of E_p'[z] - z_truth. */
static double slope(const float *p, const int *truth, int n, int classes, int first, int step,
                    double b) {
    double sum = 0;
    for (int i = first; i < n; i += step) {
        const float *q = p + (size_t)i * (size_t)classes;
        double top = -1e300, mass = 0, mean = 0;
        for (int c = 0; c < classes; c++) top = fmax(top, logit(q[c]));
        for (int c = 0; c < classes; c++) {
            double z = logit(q[c]) - top, e = exp(b * z);
            mass += e;
            mean += e * z;
        }
        sum += mean / mass - (logit(q[truth[i]]) - top);
    }
    return sum;
}

double temperature_fit(const float *p, const int *truth, int n, int classes, int first, int step) {
    double low = log(0.02), high = log(50); /* of 1/T */
    if (first >= n) return 1;
    /* 24 halvings: T to 5e-7 of itself. */
    for (int i = 0; i < 24; i++) {
        double mid = 0.5 * (low + high);
        if (slope(p, truth, n, classes, first, step, exp(mid)) > 0)
            high = mid;
        else
            low = mid;
    }
    return exp(-0.5 * (low + high));
}

void temperature_apply(float *out, const float *p, int classes, double t) {
    double top = -1e300, mass = 0;
    for (int c = 0; c < classes; c++) top = fmax(top, logit(p[c]));
    for (int c = 0; c < classes; c++) mass += exp((logit(p[c]) - top) / t);
    for (int c = 0; c < classes; c++) out[c] = (float)(exp((logit(p[c]) - top) / t) / mass);
}

double temperature_crossed(metrics *m, const float *p, const int *truth, int n, int classes, int k,
                           float *scratch) {
    double t[2];
    memset(m, 0, sizeof *m);
    for (int half = 0; half < 2; half++) t[half] = temperature_fit(p, truth, n, classes, half, 2);
    for (int i = 0; i < n; i++) {
        temperature_apply(scratch, p + (size_t)i * (size_t)classes, classes, t[1 - i % 2]);
        metrics_add(m, scratch, classes, truth[i], k);
    }
    return 0.5 * (t[0] + t[1]);
}
