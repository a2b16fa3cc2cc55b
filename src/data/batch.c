/* batch.c - see batch.h. */
#include "data/batch_internal.h"
#include "data/sample.h"
#include <stdlib.h>
#include <string.h>

int batch_room_make(batch_room *room, const batch_plan *p) {
    room->order = malloc((size_t)p->s->n * sizeof *room->order);
    room->picture = malloc((size_t)p->a.w * (size_t)p->a.h * (size_t)p->a.c);
    room->partner = NULL;
    room->kept = NULL;
    room->epoch = UINT64_MAX;
    int mixes = batch_mixes(&p->a);
    if (mixes) {
        room->partner = malloc((size_t)p->batch * sizeof *room->partner);
        room->kept = malloc(
            ((size_t)p->a.w * (size_t)p->a.h * (size_t)p->a.c + (size_t)p->s->classes) *
            sizeof *room->kept);
    }
    if (room->order && room->picture && (!mixes || (room->partner && room->kept))) return 0;
    batch_room_free(room);
    return -1;
}

void batch_room_free(batch_room *room) {
    free(room->order);
    free(room->picture);
    free(room->partner);
    free(room->kept);
    memset(room, 0, sizeof *room);
}

void batch_epoch_order(uint32_t *order, uint32_t n, uint64_t seed, uint64_t epoch) {
    rng_stream r = rng_open(rng_key(seed, RNG_SHUFFLE, epoch, 0));
    for (uint32_t i = 0; i < n; i++) order[i] = i;
    for (uint32_t i = n - 1; i > 0; i--) {
        uint32_t j = rng_below(&r, i + 1), t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
}

static void draw_order(const batch_plan *p, batch_room *room, uint64_t epoch) {
    if (room->epoch == epoch) return;
    batch_epoch_order(room->order, (uint32_t)p->s->n, p->seed, epoch);
    room->epoch = epoch;
}

/* The picture of image i at the network's size: itself, the kept one, or one made now. */
static const unsigned char *small_picture(const batch_plan *p, batch_room *room, uint32_t i) {
    const raster *r = &p->s->items[i].img;
    const augment *a = &p->a;
    int whole = a->fit != FIT_CENTRE || r->w == r->h;
    if (whole && r->w == a->w && r->h == a->h && r->c == a->c) return r->px;
    unsigned char *kept = p->small ? atomic_load_explicit(&p->small[i], memory_order_acquire)
                                   : NULL,
                  *made;
    if (kept) return kept;
    made = p->small ? malloc((size_t)a->w * (size_t)a->h * (size_t)a->c) : NULL;
    sample_fit_bytes(made ? made : room->picture, r, a->fit, a->w, a->h, a->c);
    if (!made) return room->picture; /* no memory to keep it: then it is made again next time */
    if (atomic_compare_exchange_strong_explicit(&p->small[i], &kept, made, memory_order_acq_rel,
                                                memory_order_acquire))
        return made;
    free(made);
    return kept;
}

static void set_truth(const dataset *s, int label, float smooth, float *truth, int *to) {
    for (int k = 0; truth && k < s->classes; k++) truth[k] = smooth / (float)s->classes;
    if (truth) truth[label] += 1 - smooth;
    if (to) *to = label;
}

void batch_fill(const batch_plan *p, batch_room *room, uint64_t k, float *X, float *truth,
                int *labels) {
    const augment *a = &p->a;
    size_t inputs = (size_t)a->w * (size_t)a->h * (size_t)a->c, n = (size_t)p->s->n;
    for (size_t b = 0; b < (size_t)p->batch; b++) {
        uint64_t place = k * (uint64_t)p->batch + b;
        draw_order(p, room, place / n);
        uint32_t i = room->order[place % n];
        const sample *s = &p->s->items[i];
        rng_stream rng = rng_open(rng_key(p->seed, RNG_AUGMENT, place, 0));
        sample_augment(X + b * inputs, &s->img, a->crop_pad >= 0 ? small_picture(p, room, i) : NULL,
                       a, &rng);
        if (a->cutout > 0) sample_cutout(X + b * inputs, a->w, a->h, a->c, a->cutout, &rng);
        set_truth(p->s, s->label, a->label_smooth, truth ? truth + b * (size_t)p->s->classes : NULL,
                  labels ? labels + b : NULL);
    }
    if (batch_mixes(a)) batch_mix(a, p->seed, k, room, p->batch, p->s->classes, X, truth);
}

int batch_train(const dataset *s, const augment *a, uint64_t seed, uint64_t k, int batch, float *X,
                float *truth, int *labels) {
    batch_plan p = {.s = s, .a = *a, .seed = seed, .batch = batch};
    batch_room room;
    if (batch_room_make(&room, &p)) return -1;
    batch_fill(&p, &room, k, X, truth, labels);
    batch_room_free(&room);
    return 0;
}

void batch_test(const dataset *s, image_fit fit, int w, int h, int c, int first, int n, float *X,
                float *truth, int *labels) {
    size_t plane = (size_t)w * (size_t)h;
    for (int b = 0; b < n; b++) {
        const sample *t = &s->items[first + b];
        size_t at = (size_t)b;
        image_fitted(&t->img, fit, w, h, c, X + at * plane * (size_t)c);
        set_truth(s, t->label, 0, truth ? truth + at * (size_t)s->classes : NULL,
                  labels ? labels + b : NULL);
    }
}

void image_letterbox(const raster *r, int w, int h, int c, float *X) {
    size_t plane = (size_t)w * (size_t)h;
    sample_box at = sample_letterboxed(r, w, h);
    for (size_t i = 0; i < plane * (size_t)c; i++) X[i] = 0.5f;
    sample_resize(X + (size_t)at.y * (size_t)w + (size_t)at.x, plane, (size_t)w, r, sample_whole(r),
                  at.w, at.h, c);
}

void image_stretch(const raster *r, int w, int h, int c, float *X) {
    sample_resize(X, (size_t)w * (size_t)h, (size_t)w, r, sample_whole(r), w, h, c);
}

void image_fitted(const raster *r, image_fit fit, int w, int h, int c, float *X) {
    if (fit == FIT_LETTERBOX)
        image_letterbox(r, w, h, c, X);
    else if (fit == FIT_STRETCH)
        image_stretch(r, w, h, c, X);
    else
        sample_resize(X, (size_t)w * (size_t)h, (size_t)w, r, sample_centre_square(r), w, h, c);
}
