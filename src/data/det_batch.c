/* det_batch.c - see det_batch.h */
#include "data/det_internal.h"
#include "data/batch_internal.h"
#include "data/prefetch.h"
#include "data/sample.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fill_one(const det_plan *p, det_room *r, uint64_t place, int w, int h, float *X,
                    float *truth, char *err) {
    uint64_t n = (uint64_t)p->s->n;
    if (r->epoch != place / n) batch_epoch_order(r->order, (uint32_t)n, p->seed, place / n);
    r->epoch = place / n;
    return det_compose(p, r, place, (int)r->order[place % n], w, h, X, truth, err);
}

static int fill(const det_plan *p, det_room *r, uint64_t k, det_batch *b, char *err) {
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
    det_plan p = {s, *a, seed, batch};
    det_room r = {0};
    int bad = det_room_make(&r, &p);
    if (bad)
        fail(err, "not enough memory for a batch");
    else
        bad = fill(&p, &r, k, out, err);
    det_room_free(&r);
    return bad;
}

struct det_loader {
    det_plan p;
    int threads;
    det_batch *slot;
    det_room *rooms;
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
        if (det_room_make(&l->rooms[i], &l->p)) return -1;
    return 0;
}

det_loader *det_loader_new(const det_set *s, const det_augment *a, uint64_t seed, uint64_t first,
                           int batch, int threads) {
    det_loader *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    l->p = (det_plan){s, *a, seed, batch};
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
    for (int i = 0; l->rooms && i < l->threads; i++) det_room_free(&l->rooms[i]);
    for (int i = 0; l->slot && i < prefetch_slots(l->threads); i++) {
        free(l->slot[i].X);
        free(l->slot[i].truth);
    }
    free(l->slot);
    free(l->rooms);
    free(l);
}
