/* perturb_device_run.h - the order of the loops of perturb_device.h, and where their data lies. Included by what defines
 *   EACH(loop, n, job)      runs loop(i, &job) for i = 0 .. n-1; what one EACH wrote, the next one sees
 * once: ops/perturb_cuda.cu for the device, tests/test_perturb_device.c for the CPU. */
#include "ops/perturb_device.h"

static size_t device_round(size_t bytes) { return (bytes + 255) / 256 * 256; }

/* Bytes from *at on; NULL base: only counted. */
static void *device_take(char *base, size_t *at, size_t bytes) {
    void *p = base ? base + *at : NULL;
    *at += device_round(bytes);
    return p;
}

/* Sets the job's pointers into tape and work; either may be NULL to learn the sizes. */
static void device_layout(perturb_job *b, void *tape, size_t *tape_bytes, void *work, size_t *work_bytes) {
    shape4 s = b->a.s;
    size_t n = shape_len(s), c = (size_t)s.c, pixels = n / c, bands = (size_t)dev_bands(s), units = (size_t)s.n * bands * c;
    size_t rows = (size_t)s.n * (size_t)s.h, f = sizeof(float), d = sizeof(double), t = 0, w = 0;
    size_t chunks = (units + PERTURB_DEVICE_CHUNK - 1) / PERTURB_DEVICE_CHUNK * 54, maps = (rows + PERTURB_DEVICE_CHUNK - 1) / PERTURB_DEVICE_CHUNK * 18;
    size_t most = chunks > maps ? chunks : maps;
    char *tp = (char *)tape, *wk = (char *)work;
    b->z = (float *)device_take(tp, &t, n * f);
    b->f = (float *)device_take(tp, &t, (size_t)s.n * PERTURB_K * c * f);
    b->scale = (float *)device_take(tp, &t, c * f);
    b->m = (double *)device_take(tp, &t, PERTURB_K * c * d);
    b->v = (double *)device_take(tp, &t, PERTURB_K * c * d);
    b->mask = (unsigned char *)device_take(tp, &t, n);
    float **maps4[] = {&b->xmean, &b->rmean, &b->dasum, &b->d1sum};
    for (int i = 0; i < 4; i++) *maps4[i] = (float *)device_take(wk, &w, pixels * f);
    float **whole[] = {&b->r, &b->da, &b->d1};
    for (int i = 0; i < 3; i++) *whole[i] = (float *)device_take(wk, &w, n * f);
    b->coef = (float *)device_take(wk, &w, (size_t)s.n * PERTURB_K * c * f);
    b->rows = (float *)device_take(wk, &w, units * 54 * f);
    b->rows_map = (float *)device_take(wk, &w, rows * 18 * f);
    b->chunks = (double *)device_take(wk, &w, (most > 8 * c ? most : 8 * c) * d);
    b->per_channel = (double *)device_take(wk, &w, 10 * c * d);
    *tape_bytes = t;
    *work_bytes = w;
}

static int device_learned(const perturb_args *a) { return a->noise != PERTURB_NOISE_NONE && a->noise != PERTURB_NOISE_GAUSS; }

/* relu(E1(x)) with both means over channels. */
static void device_first(perturb_job b) {
    shape4 s = b.a.s;
    size_t n = shape_len(s), pixels = n / (size_t)s.c;
    b.factor = 1 / (float)s.c;
    b.from = b.x;
    b.to = b.xmean;
    EACH(dev_channel_sum, pixels, b);
    EACH(dev_first, n, b);
    b.from = b.r;
    b.to = b.rmean;
    EACH(dev_channel_sum, pixels, b);
}

static void device_forward(const perturb_job *job) {
    perturb_job b = *job;
    shape4 s = b.a.s;
    size_t n = shape_len(s), c = (size_t)s.c, units = (size_t)s.n * (size_t)dev_bands(s) * c;
    if (b.a.scale && b.a.batch_stats) {
        EACH(dev_features, units, b);       /* sets the whole mask: before E1 adds its bit */
        EACH(dev_feature_mean, (size_t)s.n * PERTURB_K * c, b);
    }
    if (b.a.scale) EACH(dev_statistics, PERTURB_K * c, b);
    EACH(dev_scale, c, b);
    if (device_learned(&b.a)) device_first(b);
    EACH(dev_apply, n, b);
}

static void device_phi_gradient(perturb_job b) {
    shape4 s = b.a.s;
    size_t units = (size_t)s.n * (size_t)dev_bands(s) * (size_t)s.c, rows = (size_t)s.n * (size_t)s.h;
    EACH(dev_phi_rows, units, b);
    b.from = b.rows;
    b.n_rows = units;
    b.width = 54;
    EACH(dev_chunk, (units + PERTURB_DEVICE_CHUNK - 1) / PERTURB_DEVICE_CHUNK * 54, b);
    EACH(dev_columns, (size_t)54, b);
    if (!b.through_alpha) return;
    EACH(dev_phi_maps, rows, b);
    b.from = b.rows_map;
    b.n_rows = rows;
    b.width = 18;
    EACH(dev_chunk, (rows + PERTURB_DEVICE_CHUNK - 1) / PERTURB_DEVICE_CHUNK * 18, b);
    EACH(dev_columns, (size_t)18, b);
}

/* dx and dphi may be NULL. */
static void device_backward(const perturb_job *job) {
    perturb_job b = *job;
    shape4 s = b.a.s;
    size_t n = shape_len(s), c = (size_t)s.c, pixels = n / c, units = (size_t)s.n * (size_t)dev_bands(s) * c;
    int features = b.a.scale && b.a.batch_stats;
    b.through_alpha = device_learned(&b.a) && b.a.t != 0;
    b.keep = 0;
    b.factor = 1;
    if (b.through_alpha && b.dphi) {
        device_first(b);
        b.factor = 1;
    }
    EACH(dev_direct, units, b);
    if (b.a.scale) EACH(dev_scale_back, c, b);
    if (b.a.scale && b.dphi) EACH(dev_w_gradient, (size_t)10, b);
    if (features) EACH(dev_feature_coef, (size_t)s.n * PERTURB_K * c, b);
    if (features && b.dx) EACH(dev_features_back, n, b);
    if (b.through_alpha) {
        b.from = b.da;
        b.to = b.dasum;
        EACH(dev_channel_sum, pixels, b);
        EACH(dev_second_back, n, b);
        b.from = b.d1;
        b.to = b.d1sum;
        EACH(dev_channel_sum, pixels, b);
        if (b.dx) EACH(dev_first_back, n, b);
    }
    if (b.dphi) device_phi_gradient(b);
}
