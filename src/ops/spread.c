/* spread.c - see spread.h */
#include "ops/spread.h"
#include <math.h>

spread spread_of(const double *v, int n) {
    spread s = {.n = n};
    double sum = 0;
    for (int i = 0; i < n; i++) s.mean += v[i] / n;
    for (int i = 0; i < n; i++) sum += (v[i] - s.mean) * (v[i] - s.mean);
    if (n > 1) s.sd = sqrt(sum / (n - 1));
    return s;
}

/* Abramowitz and Stegun 26.7.3, 26.7.4: the share between -t and t, a finite series for whole
 * degrees. */
static double between(double t, int degrees) {
    double theta = atan(t / sqrt(degrees)), c = cos(theta), s = sin(theta), term, sum = 0;
    int odd = degrees % 2;
    term = odd ? c : 1;
    for (int k = odd ? 1 : 0; k <= degrees - 2; k += 2) {
        sum += term;
        term *= c * c * (k + 1) / (k + 2);
    }
    if (!odd) return s * sum;
    return 2 / acos(-1.0) * (theta + s * sum);
}

double student_quantile(double p, int degrees) {
    double low = 0, high = 1;
    while (0.5 + 0.5 * between(high, degrees) < p) high *= 2;
    for (int i = 0; i < 200 && high - low > 1e-13 * high; i++) {
        double mid = 0.5 * (low + high);
        if (0.5 + 0.5 * between(mid, degrees) < p)
            low = mid;
        else
            high = mid;
    }
    return 0.5 * (low + high);
}

interval interval_of_pairs(const double *a, const double *b, int n, double confidence) {
    double sum = 0, mean = 0;
    for (int i = 0; i < n; i++) mean += (b[i] - a[i]) / n;
    for (int i = 0; i < n; i++) sum += (b[i] - a[i] - mean) * (b[i] - a[i] - mean);
    if (n < 2) return (interval){n, mean, NAN, NAN};
    double wide = student_quantile(0.5 + 0.5 * confidence, n - 1) * sqrt(sum / (n - 1) / n);
    return (interval){n, mean, mean - wide, mean + wide};
}
