/* ref_perturb.c - see ref.h */
#include "ref.h"
#include <math.h>
#include <stdlib.h>

static double softplus(double u) { return u > 0 ? u + log1p(exp(-u)) : log1p(exp(u)); }

double ref_mean_softplus(double alpha, double step) {
    double sum = 0;
    int n = (int)(12 / step);
    for (int i = -n; i <= n; i++) {
        double e = i * step;
        sum += softplus(alpha + e) * exp(-e * e / 2) * step / sqrt(2 * 3.14159265358979323846);
    }
    return sum;
}

double ref_slope(double (*loss)(void *), void *of, double *at, double h) {
    double old = *at, up;
    *at = old + h;
    up = loss(of);
    *at = old - h;
    double down = loss(of);
    *at = old;
    return (up - down) / (2 * h);
}

/* 3x3 window of plane p at (y,x), zeros outside. */
static double window(const double *p, int h, int w, int y, int x, const double k[9]) {
    double sum = 0;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
            int a = y + dy, b = x + dx;
            if (a >= 0 && b >= 0 && a < h && b < w) sum += k[(dy + 1) * 3 + dx + 1] * p[a * w + b];
        }
    return sum;
}

/* E(x; self, all) of one image, (c,h,w). */
static void equivariant(double *out, const double *x, const ref_perturb_args *a, const double *self,
                        const double *all) {
    int area = a->h * a->w;
    double *mean = calloc((size_t)area, sizeof *mean);
    for (int c = 0; c < a->c; c++)
        for (int i = 0; i < area; i++) mean[i] += x[c * area + i] / a->c;
    for (int c = 0; c < a->c; c++)
        for (int y = 0; y < a->h; y++)
            for (int i = 0; i < a->w; i++)
                out[c * area + y * a->w + i] = window(x + c * area, a->h, a->w, y, i, self) +
                                               window(mean, a->h, a->w, y, i, all);
    free(mean);
}

static double noise(double alpha, const ref_perturb_args *a, size_t at) {
    if (a->noise == PERTURB_NOISE_NONE) return 1;
    if (a->noise == PERTURB_NOISE_SAMPLE) return softplus(alpha + a->eps[at]);
    if (a->noise == PERTURB_NOISE_GAUSS) return 1 + a->sd * a->eps[at];
    double mean = ref_mean_softplus(alpha, 1.0 / 16);
    return a->noise == PERTURB_NOISE_UNIT ? softplus(alpha + a->eps[at]) / mean : mean;
}

static void features(double *f, const double *x, const double *phi, const ref_perturb_args *a) {
    int area = a->h * a->w;
    for (int b = 0; b < a->n; b++)
        for (int c = 0; c < a->c; c++)
            for (int k = 0; k < 4; k++) {
                double sum = 0;
                for (int y = 0; y < a->h; y++)
                    for (int i = 0; i < a->w; i++) {
                        double v = window(x + (b * a->c + c) * area, a->h, a->w, y, i,
                                          phi + PHI_K + 9 * k);
                        sum += v > 0 ? v : 0;
                    }
                f[(b * a->c + c) * 4 + k] = sum / area;
            }
}

static void statistics(double *m, double *v, const double *f, const ref_perturb_args *a) {
    for (int i = 0; i < a->c * 4; i++) {
        m[i] = v[i] = 0;
        for (int b = 0; b < a->n; b++) m[i] += f[b * a->c * 4 + i] / a->n;
        for (int b = 0; b < a->n && a->n > 1; b++)
            v[i] += pow(f[b * a->c * 4 + i] - m[i], 2) / (a->n - 1);
    }
}

void ref_perturb(double *out, const double *x, const double phi[PHI_LEN], const ref_perturb_args *a,
                 double *mean, double *var) {
    int area = a->h * a->w, image = a->c * area;
    double *f = calloc((size_t)a->n * (size_t)a->c * 4, sizeof *f),
           *m = calloc((size_t)a->c * 4, sizeof *m);
    double *v = calloc((size_t)a->c * 4, sizeof *v), *r = malloc(sizeof *r * (size_t)image),
           *al = malloc(sizeof *al * (size_t)image);
    features(f, x, phi, a);
    if (a->batch_stats)
        statistics(m, v, f, a);
    else
        for (int i = 0; i < a->c * 4; i++) m[i] = a->run_mean[i], v[i] = a->run_var[i];
    for (int b = 0; b < a->n; b++) {
        equivariant(r, x + b * image, a, phi + PHI_E1_SELF, phi + PHI_E1_ALL);
        for (int i = 0; i < image; i++) r[i] = r[i] > 0 ? r[i] : 0;
        equivariant(al, r, a, phi + PHI_E2_SELF, phi + PHI_E2_ALL);
        for (int c = 0; c < a->c; c++) {
            double u = phi[PHI_W + 8] * a->c_feature + phi[PHI_W + 9] * a->h_feature;
            for (int k = 0; k < 4; k++)
                u += phi[PHI_W + k] * m[c * 4 + k] + phi[PHI_W + 4 + k] * v[c * 4 + k];
            double s = a->scale ? 1 / (1 + exp(-u)) : 1;
            for (int i = 0; i < area; i++) {
                size_t at = (size_t)b * (size_t)image + (size_t)(c * area + i);
                double z = noise(al[c * area + i], a, at), y = x[at] * (1 + a->t * (s * z - 1));
                y = y < a->clip ? y : a->clip;
                if (a->two_sided && y < -a->clip) y = -a->clip;
                out[at] = y > 0 ? y : a->slope * y;
            }
        }
    }
    for (int i = 0; i < a->c * 4; i++) {
        if (mean) mean[i] = m[i];
        if (var) var[i] = v[i];
    }
    free(f);
    free(m);
    free(v);
    free(r);
    free(al);
}
