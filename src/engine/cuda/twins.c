/* twins.c - the caller's arrays on the device: parameters, updates, moments, statistics, phi; and
 * the optimizer's steps on them.
 *
 * A twin is made when a node or a step first uses the array, and copied when one side is newer: to
 * the device at the next use, back when the caller asks (engine_read). So a training step copies
 * nothing. */
#include "engine/cuda/cuda.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static cuda_twin *find(engine *e, const void *array) {
    cuda_own *o = cuda_of(e);
    /* Steps ask in the order of the first one: mostly for the last one again, or for the next. */
    for (int i = o->twin; i < o->n_twins && i < o->twin + 2; i++)
        if (o->twins[i].host == array) return &o->twins[o->twin = i];
    for (int i = 0; i < o->n_twins; i++)
        if (o->twins[i].host == array) return &o->twins[o->twin = i];
    return NULL;
}

static cuda_twin *add(engine *e, const void *array, size_t bytes, const shape4 *f) {
    cuda_own *o = cuda_of(e);
    if (o->n_twins == o->cap) {
        int cap = o->cap ? 2 * o->cap : 64;
        cuda_twin *p = realloc(o->twins, (size_t)cap * sizeof *p);
        if (!p) engine_die("out of memory for a network");
        o->twins = p;
        o->cap = cap;
    }
    cuda_twin *t = &o->twins[o->n_twins];
    *t = (cuda_twin){.host = array, .bytes = bytes, .f = f ? *f : (shape4){0}, .host_newer = 1};
    o->memory++;
    engine_cuda_lock();
    cudaError_t bad = cudaMalloc(&t->device, bytes ? bytes : 1);
    engine_cuda_unlock();
    if (bad != cudaSuccess)
        engine_die("out of the device's memory: %.1f MB more for parameters; use a smaller batch "
                   "(more subdivisions)",
                   (double)bytes * 1e-6);
    e->bytes += bytes;
    o->n_twins++;
    return t;
}

/* (K,C,H,W) to (K,H,W,C), or back. */
static void turn(float *to, const float *from, shape4 f, int back) {
    size_t hw = (size_t)f.h * (size_t)f.w, c = (size_t)f.c;
    for (size_t k = 0; k < (size_t)f.n; k++, to += hw * c, from += hw * c) {
        for (size_t i = 0; i < hw; i++)
            for (size_t j = 0; j < c; j++) {
                if (back)
                    to[j * hw + i] = from[i * c + j];
                else
                    to[i * c + j] = from[j * hw + i];
            }
    }
}

static int turned(const cuda_twin *t) { return t->f.n && t->f.c > 1 && t->f.h * t->f.w > 1; }

static float *room(size_t bytes) {
    float *p = malloc(bytes);
    if (!p) engine_die("out of memory: %.1f MB for parameters", (double)bytes * 1e-6);
    return p;
}

static void to_device(engine *e, cuda_twin *t) {
    if (turned(t)) {
        float *p = room(t->bytes);
        turn(p, t->host, t->f, 0);
        engine_cuda_upload(e, t->device, p, t->bytes);
        free(p);
    } else {
        engine_cuda_upload(e, t->device, t->host, t->bytes);
    }
    t->host_newer = 0;
}

static void to_host(engine *e, cuda_twin *t) {
    void *host = (void *)(uintptr_t)
                     t->host; /* the caller's own array, const only for those who look it up */
    if (turned(t)) {
        float *p = room(t->bytes);
        engine_cuda_download(e, p, t->device, t->bytes);
        turn(host, p, t->f, 1);
        free(p);
    } else {
        engine_cuda_download(e, host, t->device, t->bytes);
    }
    t->device_newer = 0;
}

void *engine_cuda_twin(engine *e, const void *array, size_t bytes, const shape4 *f, int writes) {
    cuda_twin *t = find(e, array);
    if (!t) t = add(e, array, bytes, f);
    assert(t->bytes == bytes);
    if (t->host_newer) to_device(e, t);
    if (writes) t->device_newer = 1;
    return t->device;
}

void engine_cuda_read(engine *e, const void *array) {
    cuda_own *o = cuda_of(e);
    for (int i = 0; i < o->n_twins; i++) {
        cuda_twin *t = &o->twins[i];
        if (t->device_newer && (!array || t->host == array)) to_host(e, t);
    }
}

void engine_cuda_changed(engine *e, const void *array) {
    cuda_own *o = cuda_of(e);
    for (int i = 0; i < o->n_twins; i++) {
        cuda_twin *t = &o->twins[i];
        if (array && t->host != array) continue;
        assert(!t->device_newer); /* or what the device has done would be lost */
        t->host_newer = 1;
    }
}

void engine_cuda_twins_free(engine *e) {
    cuda_own *o = cuda_of(e);
    for (int i = 0; i < o->n_twins; i++) {
        CUDA_CHECK(cudaFree(o->twins[i].device));
        e->bytes -= o->twins[i].bytes;
    }
    free(o->twins);
}

/* Moments and updates lie as their weights do. */
static float *beside(engine *e, const float *array, const float *w, size_t n) {
    const cuda_twin *t = find(e, w);
    shape4 f = t ? t->f : (shape4){0};
    return engine_cuda_twin(e, array, n * sizeof *array, &f, 1);
}

void engine_cuda_sgd(engine *e, float *w, float *update, size_t n, const sgd_args *a, int batch) {
    cuda_job j = {.y = beside(e, w, w, n),
                  .u = beside(e, update, w, n),
                  .by_value = {.rate = a->rate / (float)batch,
                               .momentum = a->momentum,
                               .decay = a->decay * (float)batch}};
    j.there = engine_cuda_scalars(e, &j.by_value);
    engine_cuda_each(e, RUN_sgd, n, &j);
}

void engine_cuda_adam(engine *e, float *w, float *update, float *m, float *v, size_t n,
                      const adam_args *a, int batch) {
    double c1 = 1 - pow((double)a->beta1, a->t), c2 = 1 - pow((double)a->beta2, a->t);
    cuda_job j = {.y = beside(e, w, w, n),
                  .u = beside(e, update, w, n),
                  .m = beside(e, m, w, n),
                  .v = beside(e, v, w, n),
                  .scale = -1 / (float)batch,
                  .b1 = a->beta1,
                  .b2 = a->beta2,
                  .eps = a->eps,
                  .by_value = {.decay = a->decay,
                               .rate = (float)((double)a->rate / c1),
                               .root = (float)(1 / sqrt(c2))}};
    j.there = engine_cuda_scalars(e, &j.by_value);
    engine_cuda_each(e, RUN_adam, n, &j);
}

double engine_cuda_squares(engine *e, const engine_span *a, int n) {
    size_t len = LOOP_COUNTS * (size_t)n;
    double sum = 0, *there = (double *)(void *)engine_need(e, &e->work, 2 * (LOOP_SQUARES + len)),
           *here = malloc((len + 1) * sizeof *here);
    if (!here) engine_die("out of memory for the norm of the gradient");
    for (int k = 0; k < n; k++) {
        const cuda_twin *t = find(e, a[k].p);
        cuda_job j = {
            .x = engine_cuda_twin(e, a[k].p, a[k].len * sizeof(float), t ? &t->f : NULL, 0),
            .n = (uint32_t)a[k].len,
            .sum = there + len,
            .total = there + LOOP_COUNTS * (size_t)k};
        engine_cuda_each(e, RUN_squares, LOOP_SQUARES, &j);
        engine_cuda_each(e, RUN_squares_some, LOOP_COUNTS, &j);
    }
    if (n) engine_cuda_download(e, here, there, len * sizeof *here);
    for (size_t i = 0; i < len; i++) sum += here[i];
    free(here);
    return sum;
}
