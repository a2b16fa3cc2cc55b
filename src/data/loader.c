/* loader.c - batches of a classifier made ahead of their use. */
#include "data/batch_internal.h"
#include "data/prefetch.h"
#include <stdlib.h>

struct loader {
    batch_plan plan;
    int threads;
    batch_t *slot;     /* prefetch_slots(threads) of them */
    batch_room *rooms; /* one for each thread */
    prefetch *ahead;
};

static int make(void *arg, int thread, int slot, uint64_t k, char *err) {
    loader *l = arg;
    batch_t *b = &l->slot[slot];
    b->k = k;
    batch_fill(&l->plan, &l->rooms[thread], k, b->X, b->truth, b->labels);
    return 0;
}

static int make_slots(loader *l) {
    const augment *a = &l->plan.a;
    size_t batch = (size_t)l->plan.batch, x = batch * (size_t)a->w * (size_t)a->h * (size_t)a->c;
    l->slot = calloc((size_t)prefetch_slots(l->threads), sizeof *l->slot);
    l->rooms = calloc((size_t)l->threads, sizeof *l->rooms);
    if (!l->slot || !l->rooms) return -1;
    for (int i = 0; i < prefetch_slots(l->threads); i++) {
        batch_t *b = &l->slot[i];
        b->X = malloc(x * sizeof *b->X);
        b->truth = malloc(batch * (size_t)l->plan.s->classes * sizeof *b->truth);
        b->labels = malloc(batch * sizeof *b->labels);
        if (!b->X || !b->truth || !b->labels) return -1;
    }
    for (int i = 0; i < l->threads; i++)
        if (batch_room_make(&l->rooms[i], &l->plan)) return -1;
    return 0;
}

/* Pictures that must be resized are kept; without memory for that they are resized each time. */
static void make_cache(loader *l) {
    size_t n = (size_t)l->plan.s->n;
    if (l->plan.a.crop_pad < 0 || !(l->plan.small = malloc(n * sizeof *l->plan.small))) return;
    for (size_t i = 0; i < n; i++) atomic_init(&l->plan.small[i], NULL);
}

loader *loader_new(const dataset *s, const augment *a, uint64_t seed, uint64_t first, int batch,
                   int threads) {
    loader *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    l->plan = (batch_plan){.s = s, .a = *a, .seed = seed, .batch = batch};
    l->threads = threads < 1 ? 1 : threads;
    make_cache(l);
    if (!make_slots(l) && (l->ahead = prefetch_new(make, l, first, l->threads))) return l;
    loader_free(l);
    return NULL;
}

const batch_t *loader_next(loader *l) {
    char err[ERR_LEN];
    return &l->slot[prefetch_next(l->ahead, err)]; /* batch_fill cannot fail */
}

void loader_free(loader *l) {
    if (!l) return;
    prefetch_free(l->ahead);
    for (int i = 0; l->rooms && i < l->threads; i++) batch_room_free(&l->rooms[i]);
    for (int i = 0; l->slot && i < prefetch_slots(l->threads); i++) {
        free(l->slot[i].X);
        free(l->slot[i].truth);
        free(l->slot[i].labels);
    }
    for (int i = 0; l->plan.small && i < l->plan.s->n; i++) free(atomic_load(&l->plan.small[i]));
    free(l->plan.small);
    free(l->slot);
    free(l->rooms);
    free(l);
}
