/* loader.c - batches made ahead of their use: a ring of slots, batch k in slot k mod slots. */
#include "data/batch_internal.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

typedef struct { batch_t b; int ready; } slot;

struct loader {
    batch_plan plan;
    pthread_mutex_t lock;
    pthread_cond_t ready, room;
    uint64_t claimed, next;     /* the next batch to be made, to be given out */
    int holds, stop, slots, threads, asked;
    slot *slot;
    batch_room *rooms;          /* one for each thread */
    pthread_t *thread;
    int handed;                 /* rooms given to threads so far */
};

static slot *slot_of(loader *l, uint64_t k) { return &l->slot[k % (uint64_t)l->slots]; }

static void *work(void *arg) {
    loader *l = arg;
    pthread_mutex_lock(&l->lock);
    batch_room *room = &l->rooms[l->handed++];
    for (;;) {
        /* The batch that the caller still holds is next - 1: its slot is not free. */
        while (!l->stop && l->claimed - (l->next - (uint64_t)l->holds) >= (uint64_t)l->slots)
            pthread_cond_wait(&l->room, &l->lock);
        if (l->stop) break;
        uint64_t k = l->claimed++;
        slot *s = slot_of(l, k);
        pthread_mutex_unlock(&l->lock);
        s->b.k = k;
        batch_fill(&l->plan, room, k, s->b.X, s->b.truth, s->b.labels);
        pthread_mutex_lock(&l->lock);
        s->ready = 1;
        if (k == l->next) pthread_cond_signal(&l->ready);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static int make_slots(loader *l) {
    const augment *a = &l->plan.a;
    size_t batch = (size_t)l->plan.batch, x = batch * (size_t)a->w * (size_t)a->h * (size_t)a->c;
    l->slot = calloc((size_t)l->slots, sizeof *l->slot);
    if (!l->slot) return -1;
    for (int i = 0; i < l->slots; i++) {
        batch_t *b = &l->slot[i].b;
        b->X = malloc(x * sizeof *b->X);
        b->truth = malloc(batch * (size_t)l->plan.s->classes * sizeof *b->truth);
        b->labels = malloc(batch * sizeof *b->labels);
        if (!b->X || !b->truth || !b->labels) return -1;
    }
    return 0;
}

/* Pictures that must be resized are kept; without memory for that they are resized each time. */
static void make_cache(loader *l) {
    size_t n = (size_t)l->plan.s->n;
    if (l->plan.a.crop_pad < 0 || !(l->plan.small = malloc(n * sizeof *l->plan.small))) return;
    for (size_t i = 0; i < n; i++) atomic_init(&l->plan.small[i], NULL);
}

static int start(loader *l, int threads) {
    sigset_t all, old;
    l->rooms = calloc((size_t)threads, sizeof *l->rooms);
    l->thread = calloc((size_t)threads, sizeof *l->thread);
    if (!l->rooms || !l->thread) return -1;
    for (int i = 0; i < threads; i++) if (batch_room_make(&l->rooms[i], &l->plan)) return -1;
    /* Signals are for the main thread, which knows how to stop. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (l->threads < threads && !pthread_create(&l->thread[l->threads], NULL, work, l)) l->threads++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return l->threads ? 0 : -1;
}

loader *loader_new(const dataset *s, const augment *a, uint64_t seed, uint64_t first, int batch,
                   int threads) {
    loader *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    if (threads < 1) threads = 1;
    l->plan = (batch_plan){.s = s, .a = *a, .seed = seed, .batch = batch};
    l->claimed = l->next = first;
    l->asked = threads;
    l->slots = threads + 2;     /* one in use, one being made by each thread, and one more ready */
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->ready, NULL);
    pthread_cond_init(&l->room, NULL);
    make_cache(l);
    if (!make_slots(l) && !start(l, threads)) return l;
    loader_free(l);
    return NULL;
}

const batch_t *loader_next(loader *l) {
    pthread_mutex_lock(&l->lock);
    if (l->holds) slot_of(l, l->next - 1)->ready = 0;
    l->holds = 0;
    pthread_cond_signal(&l->room);
    slot *s = slot_of(l, l->next);
    while (!s->ready) pthread_cond_wait(&l->ready, &l->lock);
    l->holds = 1;
    l->next++;
    pthread_mutex_unlock(&l->lock);
    return &s->b;
}

void loader_free(loader *l) {
    if (!l) return;
    pthread_mutex_lock(&l->lock);
    l->stop = 1;
    pthread_cond_broadcast(&l->room);
    pthread_mutex_unlock(&l->lock);
    for (int i = 0; i < l->threads; i++) pthread_join(l->thread[i], NULL);
    for (int i = 0; l->rooms && i < l->asked; i++) batch_room_free(&l->rooms[i]);
    for (int i = 0; l->slot && i < l->slots; i++) {
        free(l->slot[i].b.X);
        free(l->slot[i].b.truth);
        free(l->slot[i].b.labels);
    }
    for (int i = 0; l->plan.small && i < l->plan.s->n; i++) free(atomic_load(&l->plan.small[i]));
    free(l->plan.small);
    free(l->slot);
    free(l->rooms);
    free(l->thread);
    pthread_cond_destroy(&l->ready);
    pthread_cond_destroy(&l->room);
    pthread_mutex_destroy(&l->lock);
    free(l);
}
