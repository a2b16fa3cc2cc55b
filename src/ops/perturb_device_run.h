/* perturb_device_run.h - the order of the loops of perturb_device.h and of the blocks of
 * perturb_march.h, and where their data lies. Included by what defines EACH(loop, n, job)      runs
 * loop(i, &job) for i = 0 .. n-1 MARCH(kind, plan, job)  runs march_block_KIND for each of the
 * plan's blocks; what one EACH or MARCH wrote, the next one sees once: ops/perturb_cuda.cu for the
 * device, tests/ops/test_perturb_device.c for the CPU. */
#include "ops/perturb_march.h"

static size_t device_round(size_t bytes) { return (bytes + 255) / 256 * 256; }

/* Bytes from *at on; NULL base: only counted. */
static void *device_take(char *base, size_t *at, size_t bytes) {
    void *p = base ? base + *at : NULL;
    *at += device_round(bytes);
    return p;
}

static size_t device_chunk_of(size_t rows) {
    return (rows + PERTURB_DEVICE_CHUNK - 1) / PERTURB_DEVICE_CHUNK;
}

/* Doubles that device_sum needs for so many rows. */
static size_t device_chunks(size_t rows, size_t width) {
    size_t all = 0;
    do {
        rows = device_chunk_of(rows);
        all += rows * width;
    } while (rows > PERTURB_DEVICE_CHUNK);
    return all;
}

/* Sets the job's pointers into tape and work; either may be NULL to learn the sizes. */
static void device_layout(perturb_job *b, void *tape, size_t *tape_bytes, void *work,
                          size_t *work_bytes) {
    shape4 s = b->a.s;
    size_t n = shape_len(s), c = (size_t)s.c, pixels = n / c, bands = (size_t)dev_bands(s),
           units = (size_t)s.n * bands * c;
    size_t rows = (size_t)s.n * (size_t)s.h, f = sizeof(float), d = sizeof(double), t = 0, w = 0;
    size_t groups = ((size_t)s.n + PERTURB_DEVICE_BATCH - 1) / PERTURB_DEVICE_BATCH,
           sums = units * 54, most = 2 * groups * PERTURB_K * c;
    march_plan plan;
    if (march_plan_of(s, &plan) && plan.blocks * PERTURB_K * c > sums)
        sums = plan.blocks * PERTURB_K * c;
    if (device_chunks(sums / c, c) > most) most = device_chunks(sums / c, c);
    if (device_chunks(units, 54) > most) most = device_chunks(units, 54);
    if (device_chunks(rows, 18) > most) most = device_chunks(rows, 18);
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
    b->rows = (float *)device_take(wk, &w, sums * f);
    b->rows_map = (float *)device_take(wk, &w, rows * 18 * f);
    b->chunks = (double *)device_take(wk, &w, most * d);
    b->through = (double *)device_take(wk, &w, 2 * PERTURB_K * c * d);
    b->per_channel = (double *)device_take(wk, &w, 10 * c * d);
    *tape_bytes = t;
    *work_bytes = w;
}

static int device_learned(const perturb_args *a) {
    return a->noise != PERTURB_NOISE_NONE && a->noise != PERTURB_NOISE_GAUSS;
}

/* Does this call go by blocks? */
static int device_marches(const perturb_job *b, march_plan *plan) {
    const void *tensors[] = {b->x, b->y, b->dy, b->dx};
    int even = 1;
    for (int i = 0; i < 4; i++) even = even && (uintptr_t)tensors[i] % sizeof(march_quad) == 0;
    return even && march_plan_of(b->a.s, plan);
}

/* Sums of the columns of `from` (n_rows, width), down to so few rows in `chunks` that dev_column
 * does the rest. */
static void device_sum(perturb_job *b, const float *from, size_t n_rows, int width) {
    b->from = from;
    b->n_rows = n_rows;
    b->width = width;
    size_t left = device_chunk_of(n_rows);
    EACH(dev_chunk, left * (size_t)width, *b);
    while (left > PERTURB_DEVICE_CHUNK) {
        b->more = b->chunks;
        b->n_rows = left;
        b->chunks += left * (size_t)width;
        left = device_chunk_of(left);
        EACH(dev_chunk_more, left * (size_t)width, *b);
    }
    b->n_rows = left;
}

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
    march_plan plan;
    int march = device_marches(&b, &plan);
    b.parts = march ? plan.bands * plan.tiles : dev_bands(s);
    if (b.a.scale && b.a.batch_stats) {
        if (march)
            MARCH(features, plan, b);
        else
            EACH(dev_features, units, b);
        EACH(dev_feature_mean,
             ((size_t)s.n + PERTURB_DEVICE_BATCH - 1) / PERTURB_DEVICE_BATCH * PERTURB_K * c, b);
    }
    if (b.a.scale) EACH(dev_statistics, PERTURB_K * c, b);
    EACH(dev_scale, c, b);
    if (march && device_learned(&b.a)) {
        MARCH(forward, plan, b);
        return;
    }
    if (device_learned(&b.a)) device_first(b);
    EACH(dev_apply, n, b);
}

static void device_phi_gradient(perturb_job b) {
    shape4 s = b.a.s;
    size_t units = (size_t)s.n * (size_t)dev_bands(s) * (size_t)s.c,
           rows = (size_t)s.n * (size_t)s.h;
    double *chunks = b.chunks;
    EACH(dev_phi_rows, units, b);
    device_sum(&b, b.rows, units, 54);
    EACH(dev_columns, (size_t)54, b);
    if (!b.through_alpha) return;
    EACH(dev_phi_maps, rows, b);
    b.chunks = chunks;
    device_sum(&b, b.rows_map, rows, 18);
    EACH(dev_columns, (size_t)18, b);
}

/* dx and dphi may be NULL. */
static void device_backward(const perturb_job *job) {
    perturb_job b = *job;
    shape4 s = b.a.s;
    size_t n = shape_len(s), c = (size_t)s.c, pixels = n / c,
           units = (size_t)s.n * (size_t)dev_bands(s) * c;
    int features = b.a.scale && b.a.batch_stats;
    march_plan plan;
    int even = device_marches(&b, &plan), march;
    b.through_alpha = device_learned(&b.a) && b.a.t != 0;
    b.keep = 0;
    b.factor = 1;
    if (b.through_alpha && b.dphi) {
        device_first(b);
        b.factor = 1;
    }
    march = even && b.through_alpha;
    b.parts = march ? plan.bands * plan.tiles : dev_bands(s);
    if (march)
        MARCH(backward, plan, b);
    else
        EACH(dev_direct, units, b);
    if (b.a.scale) {
        perturb_job ds = b;
        device_sum(&ds, b.rows, (size_t)s.n * (size_t)b.parts, s.c);
        EACH(dev_scale_back, c, ds);
    }
    if (b.a.scale && b.dphi) EACH(dev_w_gradient, (size_t)10, b);
    if (features) EACH(dev_feature_coef, (size_t)s.n * PERTURB_K * c, b);
    if (features && b.dx && even)
        EACH(dev_features_march, (size_t)s.n * (size_t)march_back_bands(s) * (size_t)s.w * (c / 4),
             b);
    else if (features && b.dx)
        EACH(dev_features_back, n, b);
    if (b.through_alpha && !march) {
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
