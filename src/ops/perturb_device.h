/* perturb_device.h - the perturbation as a sequence of loops whose iterations know nothing of each
 * other: what CUDA runs.
 *
 * Each loop is a function of (iteration, job). ops/perturb_cuda.cu launches it over a grid; on the
 * CPU, with EACH as a plain loop, the same text is held against perturb.h's own code by
 * tests/ops/test_perturb_device.c, on machines without a GPU too. Noise, exponentials and
 * logarithms are those of the CPU (rng.h, vecmath.h). Nothing is added up atomically: sums go
 * through rows, then bands, in a fixed order, so that the same input gives the same bits.
 *
 * All pointers are the device's. See perturb.h for the mathematics and the meaning of perturb_args.
 */
#ifndef MP_PERTURB_DEVICE_H
#define MP_PERTURB_DEVICE_H
#include "ops/perturb_device_job.h"

/* ---- forward ---- */

/* to = factor * sum over channels of from. One iteration a pixel. */
DEV void dev_channel_sum(size_t i, const perturb_job *b) {
    size_t c = (size_t)b->a.s.c;
    float sum = 0;
    for (size_t k = 0; k < c; k++) sum += b->from[i * c + k];
    b->to[i] = b->factor * sum;
}

DEV float dev_flagged(float v, unsigned flag) { return vec_bits((vec_word(v) & ~1u) | flag); }
DEV unsigned dev_flag(float v) { return vec_word(v) & 1u; }

/* r = relu(E1(x)). One an element, as below where nothing else is said. */
DEV void dev_first(size_t i, const perturb_job *b) {
    dev_place p = dev_place_of(i, b->a.s);
    float v = dev_conv(b->xmean, b->a.s, p, 1, b->phi + PHI_E1_ALL, 0) +
              dev_conv(b->x, b->a.s, p, b->a.s.c, b->phi + PHI_E1_SELF, 0);
    b->r[i] = v > 0 ? v : 0;
}

/* Sums of the features over a band of rows: rows (N,bands,4,C). One a (picture, band, channel). */
DEV void dev_features(size_t i, const perturb_job *b) {
    shape4 s = b->a.s;
    int c = (int)(i % (size_t)s.c), bands = dev_bands(s),
        band = (int)(i / (size_t)s.c % (size_t)bands);
    int n = (int)(i / (size_t)s.c / (size_t)bands), top = band * PERTURB_DEVICE_BAND;
    int end = top + PERTURB_DEVICE_BAND < s.h ? top + PERTURB_DEVICE_BAND : s.h;
    float sum[PERTURB_K] = {0, 0, 0, 0};
    for (int y = top; y < end; y++)
        for (int x = 0; x < s.w; x++) {
            dev_place p = {n, y, x, c};
            unsigned bits = 0;
            for (int k = 0; k < PERTURB_K; k++) {
                float f = dev_conv(b->x, s, p, s.c, b->phi + PHI_K + 9 * k, 0);
                sum[k] += f > 0 ? f : 0;
                bits |= f > 0 ? 1u << k : 0u;
            }
            if (b->keep) b->mask[dev_at(s, n, y, x) + (size_t)c] = (unsigned char)bits;
        }
    for (int k = 0; k < PERTURB_K; k++)
        b->rows[(((size_t)n * (size_t)bands + (size_t)band) * PERTURB_K + (size_t)k) * (size_t)s.c +
                (size_t)c] = sum[k];
}

/* f (N,4,C) from the parts, and of each group of pictures the mean and the squares around it:
 * chunks (groups,2,4,C). One a (group, k, channel). */
DEV void dev_feature_mean(size_t i, const perturb_job *b) {
    shape4 s = b->a.s;
    size_t each = PERTURB_K * (size_t)s.c, group = i / each, at = i % each,
           parts = (size_t)b->parts;
    int first = (int)group * PERTURB_DEVICE_BATCH,
        count = s.n - first < PERTURB_DEVICE_BATCH ? s.n - first : PERTURB_DEVICE_BATCH;
    double mean = 0, squares = 0;
    for (int n = first; n < first + count; n++) {
        double sum = 0;
        for (size_t k = 0; k < parts; k++)
            sum += (double)b->rows[((size_t)n * parts + k) * each + at];
        float f = (float)(sum / ((double)s.h * s.w));
        b->f[(size_t)n * each + at] = f;
        mean += (double)f;
    }
    mean /= count;
    for (int n = first; n < first + count; n++) {
        double d = (double)b->f[(size_t)n * each + at] - mean;
        squares += d * d;
    }
    b->chunks[2 * group * each + at] = mean;
    b->chunks[(2 * group + 1) * each + at] = squares;
}

/* m, v over the batch, or the running ones, which move. One a (k, channel). */
DEV void dev_statistics(size_t i, const perturb_job *b) {
    shape4 s = b->a.s;
    size_t each = PERTURB_K * (size_t)s.c,
           at = i % (size_t)s.c * PERTURB_K + i / (size_t)s.c; /* running: (C,4) */
    if (!b->a.batch_stats) {
        b->m[i] = (double)b->run_m[at];
        b->v[i] = (double)b->run_v[at];
        return;
    }
    double mean = 0, var = 0;
    for (int n = 0; n < s.n; n += PERTURB_DEVICE_BATCH) {
        int count = s.n - n < PERTURB_DEVICE_BATCH ? s.n - n : PERTURB_DEVICE_BATCH;
        mean += count * b->chunks[2 * ((size_t)n / PERTURB_DEVICE_BATCH) * each + i];
    }
    mean /= s.n;
    for (int n = 0; n < s.n; n += PERTURB_DEVICE_BATCH) {
        int count = s.n - n < PERTURB_DEVICE_BATCH ? s.n - n : PERTURB_DEVICE_BATCH;
        const double *group = b->chunks + 2 * ((size_t)n / PERTURB_DEVICE_BATCH) * each + i;
        var += group[each] + count * (group[0] - mean) * (group[0] - mean);
    }
    b->m[i] = mean;
    b->v[i] = s.n > 1 ? var / (s.n - 1) : 0;
    b->run_m[at] = (1 - b->a.momentum) * b->run_m[at] + b->a.momentum * (float)mean;
    if (s.n > 1) b->run_v[at] = (1 - b->a.momentum) * b->run_v[at] + b->a.momentum * (float)b->v[i];
}

/* The sigmoid's argument. */
DEV double dev_scale_input(const perturb_job *b, size_t channel) {
    const float *w = b->phi + PHI_W;
    double sum = (double)w[8] * (double)b->a.c_feature + (double)w[9] * (double)b->a.h_feature;
    for (size_t k = 0; k < PERTURB_K; k++) {
        size_t at = k * (size_t)b->a.s.c + channel;
        sum += (double)w[k] * b->m[at] + (double)w[PERTURB_K + k] * b->v[at];
    }
    return sum;
}

/* One a channel. */
DEV void dev_scale(size_t i, const perturb_job *b) {
    b->scale[i] = b->a.scale ? (float)(1 / (1 + exp(-dev_scale_input(b, i)))) : 1;
}

/* z where alpha is; *kept: what the tape holds of it, alpha where the noise is its mean or divided
 * by it. */
DEV float dev_noise(const perturb_job *b, float alpha, float eps, float *kept) {
    perturb_noise kind = b->a.noise;
    float slope, z = 1;
    if (kind == PERTURB_NOISE_SAMPLE) z = vec_softplus(alpha + eps);
    if (kind == PERTURB_NOISE_MEAN) z = dev_mean_softplus(&b->poly, alpha, &slope);
    if (kind == PERTURB_NOISE_UNIT)
        z = vec_softplus(alpha + eps) / dev_mean_softplus(&b->poly, alpha, &slope);
    if (kind == PERTURB_NOISE_GAUSS) z = 1 + b->a.sd * eps;
    *kept = kind == PERTURB_NOISE_MEAN || kind == PERTURB_NOISE_UNIT ? alpha : z;
    return z;
}

/* x times m, within the clip, then the activation. */
DEV float dev_multiply(const perturb_args *a, float x, float m) {
    float v = x * m;
    v = v > a->clip ? a->clip : v;
    v = a->two_sided && v < -a->clip ? -a->clip : v;
    return v > 0 ? v : a->slope * v;
}

/* y, and z on the tape. */
DEV void dev_apply(size_t i, const perturb_job *b) {
    const perturb_args *a = &b->a;
    dev_place p = dev_place_of(i, a->s);
    float alpha = 0, kept, z;
    int learned = a->noise != PERTURB_NOISE_NONE && a->noise != PERTURB_NOISE_GAUSS;
    if (learned)
        alpha = dev_conv(b->rmean, a->s, p, 1, b->phi + PHI_E2_ALL, 0) +
                dev_conv(b->r, a->s, p, a->s.c, b->phi + PHI_E2_SELF, 0);
    z = dev_noise(b, alpha, dev_eps(b, p), &kept);
    if (b->keep && a->noise != PERTURB_NOISE_NONE)
        b->z[i] = learned ? dev_flagged(kept, b->r[i] > 0) : kept;
    b->y[i] = dev_multiply(a, b->x[i], 1 + dev_annealing(b) * (b->scale[p.c] * z - 1));
}

/* ---- backward ---- */

/* z and dz/dalpha from what the tape kept. */
DEV float dev_taped(const perturb_job *b, float kept, dev_place p, float *slope) {
    *slope = 0;
    if (b->a.noise == PERTURB_NOISE_SAMPLE) *slope = -vec_expm1(-kept);
    if (b->a.noise == PERTURB_NOISE_MEAN) return dev_mean_softplus(&b->poly, kept, slope);
    if (b->a.noise == PERTURB_NOISE_UNIT) {
        float rise, u = kept + dev_eps(b, p), mean = dev_mean_softplus(&b->poly, kept, &rise),
                    z = vec_softplus(u) / mean;
        *slope = (vec_sigmoid(u) - z * rise) / mean;
        return z;
    }
    return kept;
}

/* Of one element: dalpha; *dx: what goes through the multiplier; *ds: its part of d/ds. */
DEV float dev_direct_each(const perturb_job *b, dev_place p, float x, float dy, float kept,
                          float scale, float *dx, float *ds) {
    const perturb_args *a = &b->a;
    float slope, t = dev_annealing(b), z = dev_taped(b, kept, p, &slope),
                 m = 1 + t * (scale * z - 1), v = x * m;
    float g = v > 0 ? dy : a->slope * dy;
    g = v > a->clip || (a->two_sided && v < -a->clip) ? 0 : g;
    float h = g * x * t;
    *dx = g * m;
    *ds = h * z;
    return h * scale * slope;
}

/* dx through the multiplier, dalpha, and a band's part of d/ds: rows (N,bands,C). One a (picture,
 * band, channel). */
DEV void dev_direct(size_t i, const perturb_job *b) {
    shape4 s = b->a.s;
    int c = (int)(i % (size_t)s.c), bands = dev_bands(s),
        band = (int)(i / (size_t)s.c % (size_t)bands);
    int n = (int)(i / (size_t)s.c / (size_t)bands), top = band * PERTURB_DEVICE_BAND;
    int end = top + PERTURB_DEVICE_BAND < s.h ? top + PERTURB_DEVICE_BAND : s.h;
    float sum = 0;
    for (int y = top; y < end; y++)
        for (int x = 0; x < s.w; x++) {
            dev_place p = {n, y, x, c};
            size_t at = dev_at(s, n, y, x) + (size_t)c;
            float dx, ds,
                da = dev_direct_each(b, p, b->x[at], b->dy[at],
                                     b->a.noise == PERTURB_NOISE_NONE ? 1 : b->z[at], b->scale[c],
                                     &dx, &ds);
            sum += ds;
            if (b->through_alpha) b->da[at] = da;
            if (b->dx) b->dx[at] = b->add_dx ? b->dx[at] + dx : dx;
        }
    b->rows[i] = sum;
}

/* The gradient before E1's relu. */
DEV void dev_second_back(size_t i, const perturb_job *b) {
    dev_place p = dev_place_of(i, b->a.s);
    float v = dev_conv(b->dasum, b->a.s, p, 1, b->phi + PHI_E2_ALL, 1) / (float)b->a.s.c +
              dev_conv(b->da, b->a.s, p, b->a.s.c, b->phi + PHI_E2_SELF, 1);
    b->d1[i] = dev_flag(b->z[i]) ? v : 0;
}

DEV void dev_first_back(size_t i, const perturb_job *b) {
    dev_place p = dev_place_of(i, b->a.s);
    b->dx[i] += dev_conv(b->d1sum, b->a.s, p, 1, b->phi + PHI_E1_ALL, 1) / (float)b->a.s.c +
                dev_conv(b->d1, b->a.s, p, b->a.s.c, b->phi + PHI_E1_SELF, 1);
}

/* chunks: sums of up to 32 rows of `from` (n_rows, width). One a (chunk, column). */
DEV void dev_chunk(size_t i, const perturb_job *b) {
    size_t w = (size_t)b->width, first = i / w * PERTURB_DEVICE_CHUNK,
           end = first + PERTURB_DEVICE_CHUNK;
    double sum = 0;
    for (size_t k = first; k < (end < b->n_rows ? end : b->n_rows); k++)
        sum += (double)b->from[k * w + i % w];
    b->chunks[i] = sum;
}

/* The same of rows of doubles. */
DEV void dev_chunk_more(size_t i, const perturb_job *b) {
    size_t w = (size_t)b->width, first = i / w * PERTURB_DEVICE_CHUNK,
           end = first + PERTURB_DEVICE_CHUNK;
    double sum = 0;
    for (size_t k = first; k < (end < b->n_rows ? end : b->n_rows); k++)
        sum += b->more[k * w + i % w];
    b->chunks[i] = sum;
}

/* The sum of what is left of them, of column i. */
DEV double dev_column(size_t i, const perturb_job *b) {
    double sum = 0;
    for (size_t k = 0; k < b->n_rows; k++) sum += b->chunks[k * (size_t)b->width + i];
    return sum;
}

/* d/ds over the batch, then per_channel (C,10): this channel's part of w's gradient; and through.
 * One a channel. */
DEV void dev_scale_back(size_t i, const perturb_job *b) {
    shape4 s = b->a.s;
    size_t c = (size_t)s.c;
    const float *w = b->phi + PHI_W;
    double ds = dev_column(i, b);
    double e = exp(-fabs(dev_scale_input(b, i))), dpre = ds * e / ((1 + e) * (1 + e)),
           *out = b->per_channel + i * 10;
    for (size_t k = 0; k < PERTURB_K; k++) {
        out[k] = dpre * b->m[k * c + i];
        out[PERTURB_K + k] = dpre * b->v[k * c + i];
        b->through[k * c + i] = dpre * (double)w[k] / s.n;
        b->through[(PERTURB_K + k) * c + i] = s.n > 1
                                                  ? 2 * dpre * (double)w[PERTURB_K + k] / (s.n - 1)
                                                  : 0;
    }
    out[8] = dpre * (double)b->a.c_feature;
    out[9] = dpre * (double)b->a.h_feature;
}

/* w's gradient. One a weight (10). */
DEV void dev_w_gradient(size_t i, const perturb_job *b) {
    double sum = 0;
    for (int c = 0; c < b->a.s.c; c++) sum += b->per_channel[(size_t)c * 10 + i];
    b->dphi[PHI_W + i] += sum;
}

/* coef (N,4,C): what every pixel of a feature above 0 gets. One each. */
DEV void dev_feature_coef(size_t i, const perturb_job *b) {
    shape4 s = b->a.s;
    size_t each = PERTURB_K * (size_t)s.c, k = i % each;
    float area = 1 / ((float)s.h * (float)s.w);
    b->coef[i] = area * ((float)b->through[k] +
                         (float)b->through[each + k] * (float)((double)b->f[i] - b->m[k]));
}

/* The gradient that flows into feature k at a place. */
DEV float dev_feature_delta(const perturb_job *b, int n, int y, int x, int c, int k) {
    shape4 s = b->a.s;
    if (y < 0 || y >= s.h || x < 0 || x >= s.w ||
        !(b->mask[dev_at(s, n, y, x) + (size_t)c] >> k & 1))
        return 0;
    return b->coef[((size_t)n * PERTURB_K + (size_t)k) * (size_t)s.c + (size_t)c];
}

DEV void dev_features_back(size_t i, const perturb_job *b) {
    dev_place p = dev_place_of(i, b->a.s);
    float sum = 0;
    for (int t = 0; t < 9; t++) {
        for (int k = 0; k < PERTURB_K; k++)
            sum += b->phi[PHI_K + 9 * k + t] *
                   dev_feature_delta(b, p.n, p.y - (t / 3 - 1), p.x - (t % 3 - 1), p.c, k);
    }
    b->dx[i] += sum;
}

/* ---- phi's own gradient ---- */

/* acc[t] += d * (in, a map of one channel, under tap t). */
DEV void dev_taps(float acc[9], float d, const float *in, shape4 s, dev_place p) {
    const float *from = in + (size_t)p.n * (size_t)s.h * (size_t)s.w;
    for (int t = 0; t < 9; t++) {
        int y = p.y + t / 3 - 1, x = p.x + t % 3 - 1;
        if (y < 0 || y >= s.h || x < 0 || x >= s.w) continue;
        acc[t] += d * from[(size_t)y * (size_t)s.w + (size_t)x];
    }
}

/* The 3x3 places around (y,x) of a channel move one to the right: three numbers come. */
DEV void dev_slide(float around[9], const float *in, shape4 s, int n, int y, int x, int c) {
    for (int r = 0; r < 3; r++) {
        int row = y + r - 1;
        around[3 * r] = around[3 * r + 1];
        around[3 * r + 1] = around[3 * r + 2];
        around[3 * r + 2] = row < 0 || row >= s.h || x < -1 || x + 1 >= s.w
                                ? 0
                                : in[dev_at(s, n, row, x + 1) + (size_t)c];
    }
}

/* rows (N,bands,C; 54): E1 self, E2 self, K. One a (picture, band, channel). */
DEV void dev_phi_rows(size_t i, const perturb_job *b) {
    shape4 s = b->a.s;
    int c = (int)(i % (size_t)s.c), bands = dev_bands(s),
        band = (int)(i / (size_t)s.c % (size_t)bands);
    int n = (int)(i / (size_t)s.c / (size_t)bands), top = band * PERTURB_DEVICE_BAND;
    int end = top + PERTURB_DEVICE_BAND < s.h ? top + PERTURB_DEVICE_BAND : s.h,
        features = b->a.scale && b->a.batch_stats;
    float acc[54], ax[9], ar[9], coef[PERTURB_K];
    for (int t = 0; t < 54; t++) acc[t] = 0;
    for (int t = 0; t < 9; t++) ax[t] = ar[t] = 0;
    for (int k = 0; k < PERTURB_K; k++)
        coef[k] = features ? b->coef[((size_t)n * PERTURB_K + (size_t)k) * (size_t)s.c + (size_t)c]
                           : 0;
    for (int y = top; y < end; y++)
        for (int x = -2; x < s.w; x++) { /* two columns before the first, to fill the places */
            dev_slide(ax, b->x, s, n, y, x, c);
            if (b->through_alpha) dev_slide(ar, b->r, s, n, y, x, c);
            if (x < 0) continue;
            size_t at = dev_at(s, n, y, x) + (size_t)c;
            unsigned bits = features ? b->mask[at] : 0;
            float d1 = b->through_alpha ? b->d1[at] : 0, da = b->through_alpha ? b->da[at] : 0;
            for (int t = 0; t < 9; t++) {
                acc[t] += d1 * ax[t];
                acc[9 + t] += da * ar[t];
                for (int k = 0; k < PERTURB_K; k++)
                    acc[18 + 9 * k + t] += (bits >> k & 1 ? coef[k] : 0) * ax[t];
            }
        }
    for (int t = 0; t < 54; t++) b->rows[i * 54 + (size_t)t] = acc[t];
}

/* rows_map (N,H; 18): E1 all, E2 all. One a row of a picture. */
DEV void dev_phi_maps(size_t i, const perturb_job *b) {
    shape4 s = b->a.s;
    float acc[18];
    for (int t = 0; t < 18; t++) acc[t] = 0;
    for (int x = 0; x < s.w; x++) {
        dev_place p = {(int)(i / (size_t)s.h), (int)(i % (size_t)s.h), x, 0};
        size_t at = i * (size_t)s.w + (size_t)x;
        dev_taps(acc, b->d1sum[at], b->xmean, s, p);
        dev_taps(acc + 9, b->dasum[at], b->rmean, s, p);
    }
    for (int t = 0; t < 18; t++) b->rows_map[i * 18 + (size_t)t] = acc[t];
}

/* Columns into phi's gradient: of 54 E1 self, E2 self, K; of 18 E1 all, E2 all. One a column. */
DEV void dev_columns(size_t i, const perturb_job *b) {
    size_t to;
    if (b->width == 18)
        to = i < 9 ? PHI_E1_ALL + i : PHI_E2_ALL + i - 9;
    else
        to = i < 9 ? PHI_E1_SELF + i : i < 18 ? PHI_E2_SELF + i - 9 : PHI_K + i - 18;
    b->dphi[to] += dev_column(i, b);
}
#endif
