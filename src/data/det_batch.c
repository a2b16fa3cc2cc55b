/* det_batch.c - see det_batch.h */
#include "data/det_batch.h"
#include "data/batch_internal.h"
#include "data/prefetch.h"
#include "data/sample.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCALE_STEPS = 10, SCALE_GRAIN = 32 };
enum { DRAW_PICTURE, DRAW_SCALE }; /* two draws under one key must not share numbers */
static const double scale_range = 1.4;

/* A side in whole grains, at least one. */
static int grains(double side) {
    int n = (int)(side / SCALE_GRAIN + 0.5);
    return n > 0 ? n * SCALE_GRAIN : SCALE_GRAIN;
}

static int widths(const det_augment *a, int *least) {
    int lo = (int)ceil(a->w / scale_range / SCALE_GRAIN),
        hi = (int)(a->w * scale_range / SCALE_GRAIN);
    *least = (lo > 0 ? lo : 1) * SCALE_GRAIN;
    return hi >= lo ? hi - lo + 1 : 1;
}

static void size_of_width(const det_augment *a, int width, int *w, int *h) {
    *w = width;
    *h = grains((double)a->h * width / a->w);
}

void det_size(const det_augment *a, uint64_t seed, uint64_t k, int *w, int *h) {
    uint64_t step = k / (uint64_t)a->batches_per_step;
    int least, n = widths(a, &least);
    *w = a->w;
    *h = a->h;
    if (!a->random || step >= a->settle) return;
    rng_stream rng = rng_open(rng_key(seed, RNG_AUGMENT, step / SCALE_STEPS, DRAW_SCALE));
    size_of_width(a, least + SCALE_GRAIN * (int)rng_below(&rng, (uint32_t)n), w, h);
}

void det_largest(const det_augment *a, int *w, int *h) {
    int least, n = widths(a, &least), mw, mh;
    *w = a->w;
    *h = a->h;
    if (!a->random) return;
    size_of_width(a, least + SCALE_GRAIN * (n - 1), &mw, &mh);
    if (mw > *w) *w = mw;
    if (mh > *h) *h = mh;
}

typedef struct {
    int left, top, w, h, flip;
} placing;

static placing draw_placing(const raster *r, const det_augment *a, int w, int h, rng_stream *rng) {
    float rw = (float)(a->stretch ? w : r->w), rh = (float)(a->stretch ? h : r->h),
          dw = a->jitter * rw, dh = a->jitter * rh;
    float across = rw + rng_uniform(rng, -dw, dw), down = rh + rng_uniform(rng, -dh, dh);
    float aspect = across / down;
    int wide = aspect * (float)h >= (float)w;
    placing p = {.w = wide ? w : (int)((float)h * aspect),
                 .h = wide ? (int)((float)w / aspect) : h};
    p.w = p.w < 1 ? 1 : p.w > w ? w : p.w;
    p.h = p.h < 1 ? 1 : p.h > h ? h : p.h;
    p.left = (int)rng_below(rng, (uint32_t)(w - p.w) + 1);
    p.top = (int)rng_below(rng, (uint32_t)(h - p.h) + 1);
    p.flip = a->flip && (rng_u32(rng) & 1);
    return p;
}

/* Darknet leaves out boxes that are hardly a pixel. */
static const float least_side = 0.001f;

static int moved_box(float out[5], const det_box *b, const placing *p, int w, int h) {
    float x = (b->box.x * (float)p->w + (float)p->left) / (float)w,
          y = (b->box.y * (float)p->h + (float)p->top) / (float)h;
    float bw = b->box.w * (float)p->w / (float)w, bh = b->box.h * (float)p->h / (float)h;
    if (bw < least_side || bh < least_side) return 0;
    out[0] = p->flip ? 1 - x : x;
    out[1] = y;
    out[2] = bw;
    out[3] = bh;
    out[4] = (float)b->cls;
    return 1;
}

/* In random order, as in Darknet: the head learns the last of several boxes that fall into one
 * cell. */
static void fill_truth(float *truth, const det_item *it, const placing *p, const det_augment *a,
                       int w, int h, uint32_t *order, rng_stream *rng) {
    uint32_t n = (uint32_t)it->n;
    int k = 0;
    memset(truth, 0, (size_t)a->boxes * 5 * sizeof *truth);
    for (uint32_t i = 0; i < n; i++) order[i] = i;
    for (uint32_t i = 0; i < n && k < a->boxes; i++) {
        uint32_t j = i + rng_below(rng, n - i), t = order[j];
        order[j] = order[i];
        order[i] = t;
        k += moved_box(truth + 5 * (size_t)k, &it->box[t], p, w, h);
    }
}

typedef struct {
    uint32_t *order, *boxes; /* of one epoch; of one picture's boxes */
    uint64_t epoch;
} room;

typedef struct {
    const det_set *s;
    det_augment a;
    uint64_t seed;
    int batch;
} plan;

static void room_free(room *r) {
    free(r->order);
    free(r->boxes);
}

static int room_make(room *r, const det_set *s) {
    int most = 0;
    for (int i = 0; i < s->n; i++) most = s->items[i].n > most ? s->items[i].n : most;
    r->order = malloc((size_t)s->n * sizeof *r->order);
    r->boxes = malloc(((size_t)most + 1) * sizeof *r->boxes);
    r->epoch = UINT64_MAX;
    return r->order && r->boxes ? 0 : -1;
}

static int fill_one(const plan *p, room *r, uint64_t place, int w, int h, float *X, float *truth,
                    char *err) {
    const det_augment *a = &p->a;
    uint64_t n = (uint64_t)p->s->n;
    if (r->epoch != place / n) batch_epoch_order(r->order, (uint32_t)n, p->seed, place / n);
    r->epoch = place / n;
    const det_item *it = &p->s->items[r->order[place % n]];
    raster tmp;
    const raster *img = det_picture(it, a->c, &tmp, err);
    if (!img) return -1;
    rng_stream rng = rng_open(rng_key(p->seed, RNG_AUGMENT, place, DRAW_PICTURE));
    placing at = draw_placing(img, a, w, h, &rng);
    sample_place(X, w, h, a->c, img, (sample_box){at.left, at.top, at.w, at.h}, at.flip);
    sample_random_colours(X, (size_t)w * (size_t)h, a->c, a->hue, a->saturation, a->exposure, &rng);
    fill_truth(truth, it, &at, a, w, h, r->boxes, &rng);
    raster_free(&tmp);
    return 0;
}

static int fill(const plan *p, room *r, uint64_t k, det_batch *b, char *err) {
    int bad = 0;
    b->k = k;
    det_size(&p->a, p->seed, k, &b->w, &b->h);
    size_t inputs = (size_t)b->w * (size_t)b->h * (size_t)p->a.c, truths = 5 * (size_t)p->a.boxes;
    for (size_t i = 0; i < (size_t)p->batch && !bad; i++) {
        bad = fill_one(p, r, k * (uint64_t)p->batch + i, b->w, b->h, b->X + i * inputs,
                       b->truth + i * truths, err);
    }
    return bad;
}

int det_batch_train(const det_set *s, const det_augment *a, uint64_t seed, uint64_t k, int batch,
                    det_batch *out, char *err) {
    plan p = {s, *a, seed, batch};
    room r = {0};
    int bad = room_make(&r, s);
    if (bad)
        fail(err, "not enough memory for a batch");
    else
        bad = fill(&p, &r, k, out, err);
    room_free(&r);
    return bad;
}

struct det_loader {
    plan p;
    int threads;
    det_batch *slot;
    room *rooms;
    prefetch *ahead;
};

static int make(void *arg, int thread, int slot, uint64_t k, char *err) {
    det_loader *l = arg;
    return fill(&l->p, &l->rooms[thread], k, &l->slot[slot], err);
}

static int make_slots(det_loader *l) {
    int w, h, slots = prefetch_slots(l->threads);
    det_largest(&l->p.a, &w, &h);
    size_t x = (size_t)l->p.batch * (size_t)w * (size_t)h * (size_t)l->p.a.c,
           t = (size_t)l->p.batch * 5 * (size_t)l->p.a.boxes;
    l->slot = calloc((size_t)slots, sizeof *l->slot);
    l->rooms = calloc((size_t)l->threads, sizeof *l->rooms);
    if (!l->slot || !l->rooms) return -1;
    for (int i = 0; i < slots; i++) {
        l->slot[i].X = malloc(x * sizeof(float));
        l->slot[i].truth = malloc(t * sizeof(float));
        if (!l->slot[i].X || !l->slot[i].truth) return -1;
    }
    for (int i = 0; i < l->threads; i++)
        if (room_make(&l->rooms[i], l->p.s)) return -1;
    return 0;
}

det_loader *det_loader_new(const det_set *s, const det_augment *a, uint64_t seed, uint64_t first,
                           int batch, int threads) {
    det_loader *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    l->p = (plan){s, *a, seed, batch};
    l->threads = threads < 1 ? 1 : threads;
    if (!make_slots(l) && (l->ahead = prefetch_new(make, l, first, l->threads))) return l;
    det_loader_free(l);
    return NULL;
}

const det_batch *det_loader_next(det_loader *l, char *err) {
    int slot = prefetch_next(l->ahead, err);
    return slot < 0 ? NULL : &l->slot[slot];
}

void det_loader_free(det_loader *l) {
    if (!l) return;
    prefetch_free(l->ahead);
    for (int i = 0; l->rooms && i < l->threads; i++) room_free(&l->rooms[i]);
    for (int i = 0; l->slot && i < prefetch_slots(l->threads); i++) {
        free(l->slot[i].X);
        free(l->slot[i].truth);
    }
    free(l->slot);
    free(l->rooms);
    free(l);
}
